/**
 * `npm run bench:flows`: what telling of flows costs. A container floods another that denies it. First the agent's share, and that of a chain
 * that tells of every packet, with which the agent would have to keep up. Then the kernel's, once the agent has muted the flood: the same
 * with a chain that only drops, in turn, in many short rounds in which the agent is stopped, so that it does not take the table for touched.
 * In the same way new connections that are allowed, with and without records.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inNamespace, Nftables } from '@weir/kernel';
import { type Cluster, type Container, type LabHost, nsenterArguments } from '@weir/lab';
import { PACKET_LOG_GROUP } from '@weir/policy';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { StoreWriter } from './store-writer.ts';
import { median, medianRow, progress, type Row, report, type Series } from './table.ts';
import { until } from './until.ts';

const ROUNDS = 40;
/** Of a round, for each condition. */
const SECONDS = 0.2;
const SECONDS_OF_AGENT = 10;
const SECONDS_WITHOUT_LIMIT = 2;
const ROUNDS_WITHOUT_LIMIT = 3;
const DIAL_PORT = 7000;
/** No policy allows it. */
const FORBIDDEN_PORT = 7001;
/** Of /proc/<pid>/stat: what the kernel calls USER_HZ. */
const TICKS_PER_SECOND = 100;
/** Before everything else that runs, and on one processor, whose caches then are its own. */
const ALONE = ['taskset', '--cpu-list', '1', 'chrt', '--rr', '1'];

/** Chains that records are made in, and what is in their place otherwise; without any: as they are. */
const CONDITIONS = {
  recorded: undefined,
  'without records': { denied: ['drop'], allowed: ['accept'] },
  'without limit': { denied: ['counter', `log prefix "weir deny policy" group ${PACKET_LOG_GROUP}`, 'drop'], allowed: ['accept'] },
} as const;
type Condition = keyof typeof CONDITIONS;
const BARE = 'without records';
const CHAINS = ['denied', 'allowed'] as const;

/** The agent reads its table again when somebody touched it, as this bench does. */
const SETTLING_MS = 1_500;

interface Flooded {
  /** Nanoseconds of processor time of a packet. */
  time: number;
  /** Packets a second. */
  rate: number;
}

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
  const floodFor = (seconds: number) => floodOnce(client, flood, { address, seconds });

  progress('the agent: at rest, flooded, and flooded without limit');
  await floodFor(SECONDS_WITHOUT_LIMIT); // so that what the agent does at its first flood is compiled
  const rest = await agentDuring(host, () => delay(SECONDS_OF_AGENT * 1000));
  const flooded = await agentDuring(host, () => floodFor(SECONDS_OF_AGENT));
  const unlimited: Flooded[] = [];
  const bare: Flooded[] = [];
  const shares: number[] = [];
  for (let round = 0; round < ROUNDS_WITHOUT_LIMIT; round += 1) {
    nftables.run(chains[BARE]);
    await delay(SETTLING_MS);
    bare.push(await floodFor(SECONDS_WITHOUT_LIMIT));
    nftables.run(chains['without limit']);
    await delay(SETTLING_MS);
    shares.push(await agentDuring(host, async () => unlimited.push(await floodFor(SECONDS_WITHOUT_LIMIT))));
  }

  nftables.run(chains.recorded);
  await delay(SETTLING_MS);
  await floodFor(SECONDS);
  await untilMuted(nftables, client);
  process.kill(host.agentPid!, 'SIGSTOP');
  const floods: Record<'recorded' | typeof BARE, Flooded[]> = { recorded: [], [BARE]: [] };
  const connected: Record<'recorded' | typeof BARE, number[]> = { recorded: [], [BARE]: [] };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 10 === 0) progress(`the kernel: rounds ${round + 1} to ${round + 10} of ${ROUNDS}`);
      for (const condition of round % 2 === 0 ? (['recorded', BARE] as const) : ([BARE, 'recorded'] as const)) {
        nftables.run(chains[condition]);
        floods[condition].push(await floodFor(SECONDS));
        const dial = [connections, 'dial', address, String(DIAL_PORT), String(SECONDS)];
        connected[condition].push(Number(await within(client, ...ALONE, ...dial)));
      }
    }
  } finally {
    process.kill(host.agentPid!, 'SIGCONT');
  }
  await writer.close();

  const packet = (name: string, samples: Flooded[]): Series => ({
    name: `a denied packet, ${name}`,
    unit: 'ns',
    samples: samples.map(({ time }) => time),
  });
  const more = (name: string, samples: Flooded[], peer: Flooded[]): Row => {
    const rate = median(peer.map((one) => one.rate));
    return medianRow({
      name: `${name}, more than without records, at ${Math.round(rate / 1000)},000 packets/s`,
      unit: '% of a core',
      samples: samples.map(({ time }, round) => (time - peer[round]!.time) * rate * 1e-7),
    });
  };
  const dialled = (condition: 'recorded' | typeof BARE): Series => ({
    name: `new connections, allowed, ${condition}`,
    unit: '/s',
    samples: connected[condition],
  });
  return [
    { name: 'agent at rest', value: rest, unit: '% of a core' },
    { name: 'agent while flooded', value: flooded, unit: '% of a core' },
    { name: 'agent while flooded, told of each packet', value: median(shares), unit: '% of a core' },
    medianRow(packet(BARE, floods[BARE])),
    medianRow(packet('recorded', floods.recorded), packet(BARE, floods[BARE])),
    medianRow(packet('each told of', unlimited), packet(BARE, bare)),
    more('kernel, recorded', floods.recorded, floods[BARE]),
    more('kernel, each told of', unlimited, bare),
    medianRow(dialled(BARE)),
    medianRow(dialled('recorded'), dialled(BARE)),
  ];
}

/**
 * Scripts that bring a condition about. In each a chain has as many rules, of which one ends it: a table whose fixed chains have other
 * numbers of rules the agent loads again.
 */
function chainsOf({ namespace }: LabHost): Record<Condition, string> {
  const list = (chain: string) => execFileSync('/usr/sbin/nft', ['list', 'chain', 'inet', 'weir', chain], { encoding: 'utf8' });
  const listed = inNamespace(namespace, () => Object.fromEntries(CHAINS.map((chain) => [chain, list(chain)])));
  // A table, a chain, and the end of both are lines, too.
  const counts = Object.fromEntries(CHAINS.map((chain) => [chain, listed[chain]!.trim().split('\n').length - 4]));
  const scriptOf = (condition: Condition) => {
    const rules = CONDITIONS[condition];
    return CHAINS.flatMap((chain) => [
      `flush chain inet weir ${chain}`,
      ...(rules === undefined
        ? [listed[chain]!]
        : [...rules[chain], ...Array<string>(counts[chain]! - rules[chain].length).fill(rules[chain].at(-1)!)].map(
            (rule) => `add rule inet weir ${chain} ${rule}`,
          )),
    ]).join('\n');
  };
  return Object.fromEntries((Object.keys(CONDITIONS) as Condition[]).map((condition) => [condition, scriptOf(condition)])) as Record<
    Condition,
    string
  >;
}

async function floodOnce(client: Container, flood: string, { address, seconds }: { address: string; seconds: number }): Promise<Flooded> {
  const printed = await within(client, ...ALONE, flood, address, String(FORBIDDEN_PORT), String(seconds));
  const [packets, processor] = printed.split(' ').map(Number) as [number, number];
  return { time: (1e9 * processor) / packets, rate: packets / seconds };
}

async function untilMuted(nftables: Nftables, client: Container): Promise<void> {
  const source = client.networks[0]!.ip_addresses[0]!.ip_address;
  const isMuted = async () => JSON.stringify(nftables.list('inet weir')).includes(`"elem":["${source}"]`);
  await until(`${source}, which floods, muted`, isMuted);
}

/** @returns per cent of a core that the agent took meanwhile */
async function agentDuring(host: LabHost, work: () => Promise<unknown>): Promise<number> {
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
