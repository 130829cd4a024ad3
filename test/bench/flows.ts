/**
 * `npm run bench:flows`: what telling of flows costs. A container floods another that denies it; the same with the recording chain emptied,
 * in turn. The processor time of a packet, of the agent, and new connections a second where they are allowed, with and without records.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inNamespace, Nftables, NftCounters } from '@weir/kernel';
import { type Cluster, type Container, type LabHost, nsenterArguments } from '@weir/lab';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { StoreWriter } from './store-writer.ts';
import { medianRow, progress, type Row, report, type Series } from './table.ts';

const ROUNDS = 5;
const SECONDS = 3;
const DIAL_PORT = 7000;
/** No policy allows it. */
const FORBIDDEN_PORT = 7001;
/** Of /proc/<pid>/stat: what the kernel calls USER_HZ. */
const TICKS_PER_SECOND = 100;

/** What the chains come to without records, and how many rules they have with them. */
const PLAIN = { denied: { verdict: 'drop', rules: 4 }, allowed: { verdict: 'accept', rules: 2 } };
const CONDITIONS = { recorded: true, 'without records': false } as const;
type Condition = keyof typeof CONDITIONS;

/** The agent reads its table again when somebody touched it, as this bench does: that is none of what is measured. */
const SETTLING_MS = 1_500;

type Measured = Record<'packet' | 'rest' | 'agent' | 'connections', number>;

const run = promisify(execFile);

report('flows', await withCluster({ bench: 'flows', hosts: 1 }, measure));

async function measure(cluster: Cluster): Promise<Row[]> {
  const [flood, connections] = ['flood.c', 'connections.c'].map((source) => compile(source, cluster.folder)) as [string, string];
  const writer = new StoreWriter(cluster);
  const ingress = [{ action: 'Allow', protocol: 'TCP', destination: { ports: [DIAL_PORT] } }];
  await writer.load([
    { kind: 'Pool', metadata: { name: 'bench' }, spec: { cidr: '10.100.0.0/16' } },
    { kind: 'Policy', metadata: { name: 'server' }, spec: { selector: "role == 'server'", ingress } },
  ]);
  const [host] = cluster.hosts as [LabHost];
  const [server, client] = await Promise.all([
    launch(host, 'server', `exec ${connections} serve ${DIAL_PORT}`),
    launch(host, 'client', 'exec sleep 1000'),
  ]);
  const address = server.networks[0]!.ip_addresses[0]!.ip_address;
  using nftables = Nftables.open({ namespace: host.namespace });
  const chains = chainsOf(host);
  const samples = new Map<Condition, Measured[]>();
  for (let round = 0; round < ROUNDS; round++) {
    progress(`round ${round + 1} of ${ROUNDS}`);
    const order = Object.keys(CONDITIONS) as Condition[];
    for (const condition of round % 2 === 0 ? order : order.reverse()) {
      nftables.run(CONDITIONS[condition] ? chains.recording : chains.plain);
      await delay(SETTLING_MS);
      const measured = await measureOnce(host, client, { flood, connections, address, isRecorded: CONDITIONS[condition] });
      samples.set(condition, [...(samples.get(condition) ?? []), measured]);
    }
  }
  await writer.close();
  const series = (what: keyof Measured, name: string, unit: string, condition: Condition): Series => ({
    name: `${name}, ${condition}`,
    unit,
    samples: samples.get(condition)!.map((measured) => measured[what]),
  });
  return (
    [
      ['packet', 'processor time of a denied packet', 'ns'],
      ['rest', 'agent at rest', '% of a core'],
      ['agent', 'agent while flooded', '% of a core'],
      ['connections', 'new connections, allowed', '/s'],
    ] as const
  ).flatMap(([what, name, unit]) => {
    const peer = series(what, name, unit, 'without records');
    return what === 'agent' || what === 'rest'
      ? [medianRow(peer), medianRow(series(what, name, unit, 'recorded'))]
      : [medianRow(peer), medianRow(series(what, name, unit, 'recorded'), peer)];
  });
}

/**
 * Scripts that take the recording out of the chains, and put it back. Without it a chain has as many rules, of which the first ends it: a
 * table whose fixed chains have other numbers of rules the agent loads again.
 */
function chainsOf({ namespace }: LabHost): Record<'recording' | 'plain', string> {
  const list = (chain: string) => execFileSync('/usr/sbin/nft', ['list', 'chain', 'inet', 'weir', chain], { encoding: 'utf8' });
  const listed = Object.keys(PLAIN).map((chain) => inNamespace(namespace, () => list(chain)));
  const flush = Object.keys(PLAIN).map((chain) => `flush chain inet weir ${chain}`);
  const plain = Object.entries(PLAIN).flatMap(([chain, { verdict, rules }]) =>
    Array<string>(rules).fill(`add rule inet weir ${chain} ${verdict}`),
  );
  return { recording: [...flush, ...listed].join('\n'), plain: [...flush, ...plain].join('\n') };
}

async function measureOnce(
  host: LabHost,
  client: Container,
  { flood, connections, address, isRecorded }: { flood: string; connections: string; address: string; isRecorded: boolean },
): Promise<Measured> {
  const rest = await agentDuring(host, () => delay(SECONDS * 1000));
  using counters = NftCounters.open({ namespace: host.namespace });
  const denied = () => counters.read({ family: 'inet', table: 'weir' }).get('denied')?.packets ?? 0;
  const before = denied();
  let [packets, seconds] = [0, 0];
  const agent = await agentDuring(host, async () => {
    [packets, seconds] = (await within(client, flood, address, String(FORBIDDEN_PORT), String(SECONDS))).split(' ').map(Number) as [
      number,
      number,
    ];
  });
  const counted = denied() - before;
  if (isRecorded ? counted < packets : counted !== 0)
    throw new Error(`${counted} of ${packets} packets met the recording chain, which is ${isRecorded ? 'there' : 'to be empty'}`);
  const made = Number(await within(client, connections, 'dial', address, String(DIAL_PORT), '1'));
  return { packet: (1e9 * seconds) / packets, rest, agent, connections: made };
}

/** @returns per cent of a core that the agent took meanwhile */
async function agentDuring(host: LabHost, work: () => Promise<void>): Promise<number> {
  const before = processorSeconds(host.agentPid!);
  const started = performance.now();
  await work();
  return (100 * (processorSeconds(host.agentPid!) - before)) / ((performance.now() - started) / 1000);
}

/** User and system time of a process. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function launch(host: LabHost, role: string, command: string): Promise<Container> {
  const labels = { labels: [{ key: 'role', value: role }] };
  return host.containerizer().launch({ containerId: role, networkInfos: [{ name: 'weir', labels }], command });
}

async function within(container: Container, ...command: string[]): Promise<string> {
  return (await run('nsenter', [...nsenterArguments(container.pid), ...command])).stdout;
}
