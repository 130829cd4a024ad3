/**
 * `npm run bench:packets`: what policies cost packets. Throughput (iperf3), what 64 KiB take on one core (carry.c), new connections a second
 * and round trips (connections.c) between two containers, on two hosts and on one, with 0, 100 and 10,000 policies that all select the server, and with one that refuses a
 * list of 100,000 nets, in turn. Half of the policies allow the client further ports, half allow somebody else; one of the first hundred
 * allows what is measured. How many select the server is switched by its label. At the end the same without agents and without Weir's table,
 * thus without connection tracking: not in turn with the others.
 *
 * What is measured comes before everything else that runs, and each process keeps to a processor: where the kernel puts both ends of a
 * connection by chance, that is a quarter of the throughput.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Nftables, sysctl } from '@weir/kernel';
import { AGENT_HTTP, type Cluster, type Container, type LabHost, nsenterArguments, type Probe } from '@weir/lab';
import { endpointName } from '@weir/resources';
import { netAt } from './calc-objects.ts';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { type Manifest, StoreWriter } from './store-writer.ts';
import { medianRow, progress, type Row, report, type Series } from './table.ts';
import { until } from './until.ts';

const POLICIES = [0, 100, 10_000] as const;
/** Instead of a number of policies: the one with the list. */
const LISTED = 'listed';
const LISTED_NETS = 100_000;
const CONDITIONS = [...POLICIES, LISTED] as const;
const ROUNDS = 12;
const ROUNDS_WITHOUT_TABLE = 5;
/** Short and many: what else the machine does meets all conditions alike. */
const SECONDS = '0.25';
/** A quarter of a second, about. */
const STREAM = '400M';
/** Both ends take turns, so they share a processor; those of a stream do not. */
const TURNS = 'taskset --cpu-list 1 chrt --rr 1';
const STREAM_SERVER = 'taskset --cpu-list 0 chrt --rr 1';
const IPERF_PORT = 5201;
const DIAL_PORT = 7000;
const TALK_PORT = 7002;
/** Listened to by those alone who send there. */
const CARRY_PORT = 7003;
const LISTENED_PORTS = [IPERF_PORT, DIAL_PORT, TALK_PORT];
const MEASURED_PORTS = [...LISTENED_PORTS, CARRY_PORT];
/** The server listens here, and no policy allows it: open without policies, closed with them. */
const FORBIDDEN_PORT = 7001;
/** The label that says how many policies select an endpoint. */
const COUNT_LABEL = 'policies';
const UNITS = { throughput: 'Gbit/s', '64 KiB': 'µs', connections: '/s', 'round trip': 'µs' };
const WITHOUT_TABLE = 'without the table';

interface Path {
  name: string;
  client: Container;
}

type Condition = (typeof CONDITIONS)[number];
type Measured = Record<keyof typeof UNITS, number>;

const run = promisify(execFile);

report('packets', await withCluster({ bench: 'packets', hosts: 2 }, measure));

async function measure(cluster: Cluster): Promise<Row[]> {
  const [program, carry] = ['connections.c', 'carry.c'].map((source) => compile(source, cluster.folder)) as [string, string];
  const writer = new StoreWriter(cluster);
  await writer.load([{ kind: 'Pool', metadata: { name: 'bench' }, spec: { cidr: '10.100.0.0/16' } }, ...policies(), ...list()]);
  const [near, far] = cluster.hosts as [LabHost, LabHost];
  // Of the tens of thousands of connections that were reset, none is to be there any more when the next ones are made.
  for (const { namespace } of cluster.hosts) sysctl('net/netfilter/nf_conntrack_tcp_timeout_close', 1, { namespace });
  const listeners = [`serve ${DIAL_PORT}`, `serve ${FORBIDDEN_PORT}`, `echo ${TALK_PORT}`];
  const listen = listeners.map((what) => `${TURNS} ${program} ${what} &`).join(' ');
  const [server, nearClient, farClient] = await Promise.all([
    launch(near, 'server', `${listen} exec ${STREAM_SERVER} iperf3 -s -p ${IPERF_PORT}`),
    launch(near, 'client', 'exec sleep 1000'),
    launch(far, 'client', 'exec sleep 1000'),
  ]);
  const address = server.networks[0]!.ip_addresses[0]!.ip_address;
  const paths: Path[] = [
    { name: 'two hosts', client: farClient },
    { name: 'one host', client: nearClient },
  ];
  for (const { client } of paths) for (const port of LISTENED_PORTS) await untilOpen(client, address, port, true);

  const agents = cluster.hosts.map((host) => host.startProbe());
  const samples = new Map<string, Measured[]>();
  const measurePaths = async (condition: string) => {
    for (const { name, client } of paths) {
      const key = `${name}, ${condition}`;
      const measured = {
        throughput: await measureThroughput(client, address),
        '64 KiB': await measureCarrying(carry, { client, server, address }),
        connections: await measureConnections(client, program, address),
        'round trip': await measureRoundTrip(client, program, address),
      };
      samples.set(key, [...(samples.get(key) ?? []), measured]);
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    progress(`round ${round + 1} of ${ROUNDS}: ${CONDITIONS.map(conditionOf).join(', ')}`);
    for (const condition of [...CONDITIONS.slice(round % CONDITIONS.length), ...CONDITIONS.slice(0, round % CONDITIONS.length)]) {
      await switchPolicies(writer, server, condition);
      await Promise.all(paths.map(({ client }) => untilOpen(client, address, FORBIDDEN_PORT, condition === 0)));
      await untilIdle(agents);
      await measurePaths(conditionOf(condition));
    }
  }
  await Promise.all([writer, ...agents].map((process) => process.close()));

  progress('without the table');
  for (const host of cluster.hosts) await dropTable(host);
  for (let round = 0; round < ROUNDS_WITHOUT_TABLE; round++) await measurePaths(WITHOUT_TABLE);
  return paths.flatMap(({ name }) => (Object.keys(UNITS) as (keyof Measured)[]).flatMap((what) => rowsOf(what, name, samples)));
}

function conditionOf(condition: Condition): string {
  return condition === LISTED ? `a list of ${LISTED_NETS}` : `${condition} policies`;
}

function rowsOf(what: keyof Measured, path: string, samples: Map<string, Measured[]>): Row[] {
  const seriesOf = (condition: string): Series => ({
    name: `${what}, ${path}, ${condition}`,
    unit: UNITS[what],
    samples: samples.get(`${path}, ${condition}`)!.map((measured) => measured[what]),
  });
  const [none, ...some] = CONDITIONS.map((condition) => seriesOf(conditionOf(condition)));
  return [medianRow(none!), ...some.map((series) => medianRow(series, none)), medianRow(seriesOf(WITHOUT_TABLE), none)].map((row) => ({
    ...row,
    ...(row.peer !== undefined && { peer: conditionOf(0) }),
  }));
}

/** As many as select the server at most. The last of the few allows what is measured, so that these do as well as all. */
function policies(): Manifest[] {
  const [, few, most] = POLICIES;
  return Array.from({ length: most }, (_, index) => ({
    kind: 'Policy',
    metadata: { name: `policy-${index}` },
    spec: {
      selector: index < few ? `${COUNT_LABEL} in {'${few}', '${most}'}` : `${COUNT_LABEL} == '${most}'`,
      ingress: [{ action: 'Allow', protocol: 'TCP', ...allowedBy(index, few) }],
    },
  }));
}

function allowedBy(index: number, few: number): object {
  const client = { selector: "role == 'client'" };
  if (index === few - 1) return { source: client, destination: { ports: MEASURED_PORTS } };
  if (index % 2 === 0) return { source: client, destination: { ports: [10_000 + index] } };
  return { source: { nets: [`198.18.${index >> 8}.${index & 255}/32`] }, destination: { ports: [10_000 + index] } };
}

/** A list that the client is not in, and the policy that refuses it. */
function list(): Manifest[] {
  const sets = [0, 1].map((index): Manifest => {
    const nets = Array.from({ length: LISTED_NETS / 2 }, (_, at) => netAt((index * LISTED_NETS) / 2 + at, 'nets'));
    return { kind: 'NetworkSet', metadata: { name: `listed-${index}`, labels: { list: 'refused' } }, spec: { nets } };
  });
  const ingress = [
    { action: 'Deny', source: { selector: "list == 'refused'" } },
    { action: 'Allow', protocol: 'TCP', source: { selector: "role == 'client'" }, destination: { ports: MEASURED_PORTS } },
  ];
  return [...sets, { kind: 'Policy', metadata: { name: LISTED }, spec: { selector: `${COUNT_LABEL} == '${LISTED}'`, ingress } }];
}

function launch(host: LabHost, role: 'server' | 'client', command: string): Promise<Container> {
  const labels = { labels: [{ key: 'role', value: role }] };
  return host.containerizer().launch({ containerId: `${role}-${host.index}`, networkInfos: [{ name: 'weir', labels }], command });
}

async function switchPolicies(writer: StoreWriter, { containerId }: Container, condition: Condition): Promise<void> {
  const endpoint = await writer.get('Endpoint', endpointName(containerId, 'eth0'));
  const labels = { ...endpoint.metadata.labels, [COUNT_LABEL]: String(condition) };
  await writer.put({ ...endpoint, metadata: { ...endpoint.metadata, labels } });
}

/** An agent at work on a change answers when it has done with it; until then it would take a processor from the packets. */
async function untilIdle(agents: Probe[]): Promise<void> {
  await Promise.all(agents.map((agent) => agent.http(`http://${AGENT_HTTP}/readyz`, { timeoutMs: 60_000 })));
}

async function dropTable(host: LabHost): Promise<void> {
  await host.stopAgent();
  using nftables = Nftables.open({ namespace: host.namespace });
  nftables.run('delete table inet weir');
}

/** Returns when a new connection from the container gets through, or none does. */
async function untilOpen(client: Container, address: string, port: number, wanted: boolean): Promise<void> {
  const isOpen = () =>
    within(client, 'timeout', '0.3', 'bash', '-c', `</dev/tcp/${address}/${port}`).then(
      () => true,
      () => false,
    );
  await until(`${address}:${port} ${wanted ? 'open' : 'closed'} for ${client.containerId}`, async () => (await isOpen()) === wanted);
}

/** @returns Gbit/s that the server received */
async function measureThroughput(client: Container, address: string): Promise<number> {
  const answer = await within(client, ...TURNS.split(' '), 'iperf3', '-c', address, '-p', String(IPERF_PORT), '-n', STREAM, '-J');
  return (JSON.parse(answer) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second / 1e9;
}

/** @returns microseconds that 64 KiB take, both ends on one core */
async function measureCarrying(
  program: string,
  { client, server, address }: { client: Container; server: Container; address: string },
): Promise<number> {
  const { stdout } = await run(program, [client.namespace, server.namespace, address, String(CARRY_PORT)]);
  return Number(stdout) / 1000;
}

/** @returns connections a second, one after the other */
async function measureConnections(client: Container, program: string, address: string): Promise<number> {
  return Number(await within(client, ...TURNS.split(' '), program, 'dial', address, String(DIAL_PORT), SECONDS));
}

/** @returns microseconds of one byte there and back */
async function measureRoundTrip(client: Container, program: string, address: string): Promise<number> {
  return Number(await within(client, ...TURNS.split(' '), program, 'talk', address, String(TALK_PORT), SECONDS));
}

async function within(container: Container, ...command: string[]): Promise<string> {
  return (await run('nsenter', [...nsenterArguments(container.pid), ...command])).stdout;
}
