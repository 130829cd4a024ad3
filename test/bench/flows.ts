/**
 * `npm run bench:flows`: what telling of flows costs. A container floods another that denies it, and somebody outside does, each packet from
 * another address. First the agent's share, and that of a chain that tells of every packet, with which the agent would have to keep up. Then
 * the kernel's, once the agent has muted the flood: the same with a chain that only drops, in turn, in many short rounds in which the agent
 * is stopped, so that it does not take the table for touched. In the same way new connections that are allowed, with and without records.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inNamespace, Nftables } from '@weir/kernel';
import { type Cluster, type Container, type LabHost, nsenterArguments } from '@weir/lab';
import { PACKET_LOG_GROUP } from '@weir/policy';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { StoreWriter } from './store-writer.ts';
import { median, medianRow, progress, quantile, type Row, report, type Series } from './table.ts';
import { until } from './until.ts';

const ROUNDS = 60;
/** Of a round, for each condition. */
const SECONDS = 0.1;
/** What else the machine does only adds to a packet's time, in some rounds: what two conditions differ by is that of their quicker ones. */
const QUICKER = 0.25;
/** A window of flow records, at whose end a flood is heard again. */
const SECONDS_OF_AGENT = 10;
const ROUNDS_OF_AGENT = 2;
const SECONDS_WITHOUT_LIMIT = 2;
const ROUNDS_WITHOUT_LIMIT = 3;
const DIAL_PORT = 7000;
/** No policy allows it. */
const FORBIDDEN_PORT = 7001;
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

/** What a muted packet meets, so many times one after the other, for an address that is not muted: a cost that other work does not hide. */
const REPEATED = 20;
const REPEATED_SCRIPT = [
  'flush chain inet weir muted',
  'add rule inet weir muted ip saddr 192.0.2.1 drop',
  'flush chain inet weir denied',
  ...Array<string>(REPEATED).fill('add rule inet weir denied counter jump muted'),
  'add rule inet weir denied drop',
].join('\n');

interface Flooded {
  /** Nanoseconds of processor time of a packet. */
  time: number;
  /** Packets a second. */
  rate: number;
}

/** Who floods: one container of the same host; or somebody outside, under as many addresses as there are packets. */
const SOURCES = ['one source', 'many sources'] as const;
type Sources = (typeof SOURCES)[number];
/** Where those come from: see `spoof.c`. */
const SPOOFED = '11.0.0.0/8';

const run = promisify(execFile);

report('flows', await withCluster({ bench: 'flows', hosts: 2 }, measure));

async function measure(cluster: Cluster): Promise<Row[]> {
  const [flood, spoof, connections] = ['flood.c', 'spoof.c', 'connections.c'].map((source) => compile(source, cluster.folder)) as [
    string,
    string,
    string,
  ];
  const writer = new StoreWriter(cluster);
  const ingress = [{ action: 'Allow', protocol: 'TCP', destination: { ports: [DIAL_PORT] } }];
  await writer.load([
    { kind: 'Pool', metadata: { name: 'bench' }, spec: { cidr: '10.100.0.0/16' } },
    { kind: 'Policy', metadata: { name: 'server' }, spec: { selector: "role == 'server'", ingress } },
  ]);
  const [host, outside] = cluster.hosts as [LabHost, LabHost];
  const [server, client] = await Promise.all([
    launch(host, 'server', `exec ${connections} serve ${DIAL_PORT}`),
    launch(host, 'client', 'exec sleep 1000'),
  ]);
  const address = addressOf(server);
  using nftables = Nftables.open({ namespace: host.namespace });
  const chains = chainsOf(host);
  // The kernel's reverse path filter lets them in by it.
  const uplink = inNamespace(host.namespace, () => {
    execFileSync('ip', ['route', 'add', SPOOFED, 'via', outside.addresses.ipv4]);
    return execFileSync('ip', ['-o', 'link', 'show', 'eth0'], { encoding: 'utf8' });
  });
  const mac = /link\/ether (\S+)/.exec(uplink)![1]!;
  const floodFor = async (sources: Sources, seconds: number): Promise<Flooded> => {
    const target = [address, String(FORBIDDEN_PORT), String(seconds)];
    const printed =
      sources === 'one source'
        ? await within(client, ...ALONE, flood, ...target)
        : (await run('nsenter', [`--net=${outside.namespace}`, ...ALONE, spoof, ...target, 'eth0', mac])).stdout;
    const [packets, processor] = printed.split(' ').map(Number) as [number, number];
    return { time: (1e9 * processor) / packets, rate: packets / seconds };
  };

  progress('the agent: at rest, flooded, and flooded without limit');
  for (const sources of SOURCES) await floodFor(sources, SECONDS_WITHOUT_LIMIT); // so that what the agent does at its first flood is compiled
  const agent: Record<'at rest' | Sources, number[]> = { 'at rest': [], 'one source': [], 'many sources': [] };
  for (let round = 0; round < ROUNDS_OF_AGENT; round += 1) {
    agent['at rest'].push(await agentDuring(host, () => delay(SECONDS_OF_AGENT * 1000)));
    for (const sources of SOURCES) agent[sources].push(await agentDuring(host, () => floodFor(sources, SECONDS_OF_AGENT)));
  }
  const unlimited: Flooded[] = [];
  const bare: Flooded[] = [];
  const shares: number[] = [];
  for (let round = 0; round < ROUNDS_WITHOUT_LIMIT; round += 1) {
    nftables.run(chains[BARE]);
    await delay(SETTLING_MS);
    bare.push(await floodFor('one source', SECONDS_WITHOUT_LIMIT));
    nftables.run(chains['without limit']);
    await delay(SETTLING_MS);
    shares.push(await agentDuring(host, async () => unlimited.push(await floodFor('one source', SECONDS_WITHOUT_LIMIT))));
  }

  const repeated: Flooded[] = [];
  const once: Flooded[] = [];
  const noRounds = () => ({ recorded: [] as Flooded[], [BARE]: [] as Flooded[] });
  const floods = { 'one source': noRounds(), 'many sources': noRounds() };
  const connected: Record<'recorded' | typeof BARE, number[]> = { recorded: [], [BARE]: [] };
  for (const sources of SOURCES) {
    progress(`the kernel: ${ROUNDS} rounds, ${sources}`);
    nftables.run(chains.recorded);
    await delay(SETTLING_MS);
    const rule = sources === 'one source' ? `ip saddr ${addressOf(client)} drop` : `ip daddr ${address} drop`;
    await untilMuted(host, rule, () => floodFor(sources, SECONDS));
    process.kill(host.agentPid!, 'SIGSTOP');
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const condition of round % 2 === 0 ? (['recorded', BARE] as const) : ([BARE, 'recorded'] as const)) {
          nftables.run(chains[condition]);
          floods[sources][condition].push(await floodFor(sources, SECONDS));
          if (sources === 'many sources') continue;
          const dial = [connections, 'dial', address, String(DIAL_PORT), String(SECONDS)];
          connected[condition].push(Number(await within(client, ...ALONE, ...dial)));
        }
      }
      if (sources === 'many sources') continue;
      for (let round = 0; round < ROUNDS / 4; round += 1) {
        nftables.run(chains[BARE]);
        once.push(await floodFor(sources, SECONDS));
        nftables.run(REPEATED_SCRIPT);
        repeated.push(await floodFor(sources, SECONDS));
      }
    } finally {
      process.kill(host.agentPid!, 'SIGCONT');
    }
  }
  await writer.close();

  const packet = (name: string, samples: Flooded[]): Series => ({
    name: `a denied packet, ${name}`,
    unit: 'ns',
    samples: samples.map(({ time }) => time),
  });
  const more = (name: string, samples: Flooded[], peer: Flooded[], times = 1): Row => {
    const rate = median(peer.map((one) => one.rate));
    const [time, ofPeer] = [samples, peer].map((all) =>
      quantile(
        all.map((one) => one.time),
        QUICKER,
      ),
    ) as [number, number];
    return {
      name: `${name}, more than without records, at ${Math.round(rate / 1000)},000 packets/s`,
      value: ((time - ofPeer) / times) * rate * 1e-7,
      unit: '% of a core',
    };
  };
  const dialled = (condition: 'recorded' | typeof BARE): Series => ({
    name: `new connections, allowed, ${condition}`,
    unit: '/s',
    samples: connected[condition],
  });
  const ofAgent = (name: string, shares: number[]): Row => ({ name, value: median(shares), unit: '% of a core' });
  return [
    ofAgent('agent at rest', agent['at rest']),
    ...SOURCES.map((sources) => ofAgent(`agent while flooded, ${sources}`, agent[sources])),
    ofAgent('agent while flooded, told of each packet', shares),
    ...SOURCES.flatMap((sources) => {
      const { recorded, [BARE]: without } = floods[sources];
      return [
        medianRow(packet(`${BARE}, ${sources}`, without)),
        medianRow(packet(`recorded, ${sources}`, recorded), packet(`${BARE}, ${sources}`, without)),
        more(`kernel, recorded, ${sources}`, recorded, without),
      ];
    }),
    more(`kernel, a hit in what is muted, by ${REPEATED} misses`, repeated, once, REPEATED),
    medianRow(packet('each told of', unlimited), packet(BARE, bare)),
    more('kernel, each told of', unlimited, bare),
    medianRow(dialled(BARE)),
    medianRow(dialled('recorded'), dialled(BARE)),
  ];
}

function addressOf({ networks }: Container): string {
  return networks[0]!.ip_addresses[0]!.ip_address;
}

/**
 * Scripts that bring a condition about. In each a chain has as many rules, of which one ends it: a table whose fixed chains have other
 * numbers of rules the agent loads again.
 */
function chainsOf({ namespace }: LabHost): Record<Condition, string> {
  const listed = inNamespace(namespace, () => Object.fromEntries(CHAINS.map((chain) => [chain, listChain(chain)])));
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

async function untilMuted({ namespace }: LabHost, rule: string, floodOnce: () => Promise<unknown>): Promise<void> {
  await until(`"${rule}", which mutes who floods`, async () => {
    await floodOnce();
    return inNamespace(namespace, () => listChain('muted')).includes(rule);
  });
}

function listChain(chain: string): string {
  return execFileSync('/usr/sbin/nft', ['list', 'chain', 'inet', 'weir', chain], { encoding: 'utf8' });
}

/** @returns per cent of a core that the agent took meanwhile */
async function agentDuring(host: LabHost, work: () => Promise<unknown>): Promise<number> {
  const before = processorSeconds(host.agentPid!);
  const started = performance.now();
  await work();
  return (100 * (processorSeconds(host.agentPid!) - before)) / ((performance.now() - started) / 1000);
}

/** Of all threads that a process has (Documentation/scheduler/sched-stats.rst): nanoseconds on a processor come first. */
function processorSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e9;
}

function launch(host: LabHost, role: string, command: string): Promise<Container> {
  const labels = { labels: [{ key: 'role', value: role }] };
  return host.containerizer().launch({ containerId: role, networkInfos: [{ name: 'weir', labels }], command });
}

async function within(container: Container, ...command: string[]): Promise<string> {
  return (await run('nsenter', [...nsenterArguments(container.pid), ...command])).stdout;
}
