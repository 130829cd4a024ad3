/**
 * `npm run bench:routing`: what Weir's way between two hosts costs, and how soon it is there. Between containers of two hosts, natively and
 * through a tunnel, each in turn with the same made by hand on two hosts without Weir, a veth and a route, and a VXLAN link of the kernel:
 * `weir-route` alone, where nobody asked for policy, held against no rule at all; and Weir with policy, held against that, and against the
 * least that a firewall is, which lets the packets of known connections through. Measured twice: the throughput of one connection (iperf3),
 * and what 64 KiB take on one core (carry.c), which shows a tenth of a microsecond. Then the time from a new host's objects to the route
 * that leads there, and the first sync of a thousand hosts.
 */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { createNamespace, deleteNamespace, inNamespace, Netlink, Nftables, openNamespace } from '@weir/kernel';
import { type Cluster, type LabHost, monotonicMs, type NetworkFile } from '@weir/lab';
import { type Block, blockName, type Host, parseObject } from '@weir/resources';
import { desiredRoutes, RouteTable, TUNNEL_LINK } from '@weir/routing';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { StoreWriter } from './store-writer.ts';
import { medianRow, progress, type Row, report, type Series } from './table.ts';
import { until } from './until.ts';

const ROUNDS = 8;
const SECONDS = '1';
const PORT = '5201';
const CARRY_PORT = '5202';
const HOSTS = 1000;
const JOINS = 10;
const SYNCS = 5;

const run = promisify(execFile);

/** Between two containers, by their namespaces' files. */
interface Path {
  from: string;
  to: string;
  address: string;
}

/** What by hand is done about connections: nothing, have the kernel know them, or let those pass that it knows. */
const RULES = {
  none: undefined,
  // A chain that is no hook's: the rule is never asked, and the kernel tracks connections since there is one.
  tracked: 'chain nowhere {\n ct state established accept\n }',
  stateful: `chain forward {
      type filter hook forward priority filter; policy drop;
      ct state established,related accept
      ct state new accept
    }`,
} as const;

interface Condition {
  name: string;
  path: Path;
  /** By hand; absent: Weir's own. */
  rules?: keyof typeof RULES;
}

const ROUTE = { type: 'weir-route', ipam: { type: 'weir-ipam' } };
const NETWORKS: NetworkFile[] = [
  { cniVersion: '1.0.0', name: 'whole', type: 'weir', chain: [ROUTE, { type: 'weir-policy' }] },
  { cniVersion: '1.0.0', name: 'alone', type: 'weir', chain: [ROUTE] },
];

report('routing', [...(await withCluster({ bench: 'routing', hosts: 6, networks: NETWORKS }, measure)), firstSync()]);

async function measure(cluster: Cluster): Promise<Row[]> {
  const writer = new StoreWriter(cluster);
  const program = compile('carry.c', cluster.folder);
  const pool = (name: string, cidr: string, vxlan: string) => ({ kind: 'Pool', metadata: { name }, spec: { cidr, vxlan } });
  await writer.load([pool('native', '10.100.0.0/16', 'Never')]);
  const [one, two, three, four, five, six] = cluster.hosts as [LabHost, LabHost, LabHost, LabHost, LabHost, LabHost];
  const whole = [one, two] as const;
  const byHand = [three, four] as const;
  const alone = [five, six] as const;
  const native = { whole: await weirPath(whole, 'whole', 'native'), alone: await weirPath(alone, 'alone', 'native') };
  // New addresses come from the other pool from here on.
  const disabled = { kind: 'Pool', metadata: { name: 'native' }, spec: { cidr: '10.100.0.0/16', disabled: true } };
  await writer.load([disabled, pool('tunnel', '10.101.0.0/16', 'Always')]);
  // A container's MTU is what its agent knows when it starts.
  for (const host of [...whole, ...alone]) await until(`the tunnels of ${host.name}`, () => hasTunnels(host));
  const tunnel = { whole: await weirPath(whole, 'whole', 'tunnel'), alone: await weirPath(alone, 'alone', 'tunnel') };
  for (const host of byHand) await withoutWeir(host);
  using stack = new DisposableStack();
  const rows: Row[] = [];
  for (const [kind, weir] of Object.entries({ native, vxlan: tunnel }) as ['native' | 'vxlan', typeof native][]) {
    const plain = plainPath(byHand, kind, stack);
    requireEqualMtu([plain, weir.whole, weir.alone]);
    const what = kind === 'native' ? 'veth and route by hand' : "the kernel's VXLAN by hand";
    const weirs = kind === 'native' ? 'native' : 'tunnel';
    const conditions: Condition[] = [
      { name: what, path: plain, rules: 'none' },
      { name: `${what}, connections tracked`, path: plain, rules: 'tracked' },
      { name: `${what}, a stateful rule`, path: plain, rules: 'stateful' },
      { name: `${weirs}, weir-route alone`, path: weir.alone },
      { name: `${weirs}, with policy`, path: weir.whole },
    ];
    rows.push(...(await measureWay(conditions, byHand, program)));
  }
  progress('hosts that join');
  const joins: Series = { name: 'from the objects of a new host to the route there', unit: 'ms', samples: await joinTimes(one, writer) };
  await writer.close();
  return [...rows, medianRow(joins)];
}

async function measureWay(conditions: Condition[], byHand: readonly LabHost[], program: string): Promise<Row[]> {
  const samples = new Map(conditions.map(({ name }) => [name, { throughput: [] as number[], cost: [] as number[] }]));
  for (let round = 0; round < ROUNDS; round++) {
    progress(`${conditions[0]!.name} and Weir's, round ${round + 1} of ${ROUNDS}`);
    // There and back: what the machine does meanwhile, and what it still has warm, favours none.
    for (const { name, path, rules = 'none' } of round % 2 === 0 ? conditions : conditions.toReversed()) {
      using _ = withRules(byHand, RULES[rules]);
      samples.get(name)!.cost.push(await cost(program, path));
      samples.get(name)!.throughput.push(await throughput(path));
    }
  }
  const series = (what: 'throughput' | 'cost', { name }: Condition): Series => ({
    name: what === 'cost' ? `64 KiB: ${name}` : name,
    unit: what === 'cost' ? 'µs' : 'Gbit/s',
    samples: samples.get(name)![what],
  });
  const [none, , stateful, , policy] = conditions as [Condition, Condition, Condition, Condition, Condition];
  return (['throughput', 'cost'] as const).flatMap((what) => [
    ...conditions.map((condition) => medianRow(series(what, condition), condition === none ? undefined : series(what, none))),
    medianRow(series(what, policy), series(what, stateful)),
  ]);
}

async function weirPath(hosts: readonly [LabHost, LabHost], network: string, pool: string): Promise<Path> {
  const [client, server] = await Promise.all(
    hosts.map((host, index) =>
      host.containerizer().launch({
        containerId: `${network}-${pool}-${index}`,
        networkInfos: [{ name: network }],
        command: index === 0 ? 'exec sleep 1000' : `exec iperf3 -s -p ${PORT}`,
      }),
    ),
  );
  const path = {
    from: client!.namespace,
    to: server!.namespace,
    address: server!.networks[0]!.ip_addresses[0]!.ip_address.split('/')[0]!,
  };
  await until(`${path.address} of ${network}`, () =>
    throughput(path).then(
      (value) => value > 0,
      () => false,
    ),
  );
  return path;
}

async function hasTunnels({ namespace }: LabHost): Promise<boolean> {
  using netlink = Netlink.open({ namespace });
  return netlink.link(TUNNEL_LINK)?.up === true;
}

/** Larger packets cost less for each byte: a ratio says nothing between other MTUs. */
function requireEqualMtu(paths: Path[]): void {
  const mtus = paths.flatMap(({ from, to }) =>
    [from, to].map((path) => {
      using namespace = openNamespace(path);
      using netlink = Netlink.open({ namespace });
      return netlink.link('eth0')!.mtu;
    }),
  );
  if (new Set(mtus).size !== 1) throw new Error(`the containers' links have different MTUs: ${mtus.join(', ')}`);
}

async function withoutWeir(host: LabHost): Promise<void> {
  await host.stopAgent();
  using nftables = Nftables.open({ namespace: host.namespace });
  nftables.run('delete table inet weir');
}

/** Two namespaces as containers, each behind its host, and what an administrator would set up between them. */
function plainPath(hosts: readonly [LabHost, LabHost], kind: 'native' | 'vxlan', stack: DisposableStack): Path {
  const net = kind === 'native' ? 200 : 201;
  const mtu = kind === 'native' ? 1500 : 1450;
  const macs = ['02:00:00:00:01:01', '02:00:00:00:01:02'] as const;
  const namespaces = hosts.map((host, index) => {
    const path = `${host.namespace}-${kind}`;
    createNamespace(path);
    stack.defer(() => deleteNamespace(path));
    const other = hosts[1 - index]!.addresses.ipv4;
    using namespace = openNamespace(path);
    using outside = Netlink.open({ namespace: host.namespace });
    using inside = Netlink.open({ namespace });
    outside.addVeth({ name: `${kind}0`, mtu, peer: { name: 'eth0', namespace, mtu } });
    outside.setLink(`${kind}0`, { up: true });
    inside.setLink('eth0', { up: true });
    outside.addAddress(`${kind}0`, `10.${net}.${index}.1/24`);
    inside.addAddress('eth0', `10.${net}.${index}.2/24`);
    inside.addRoute({ destination: '0.0.0.0/0', via: `10.${net}.${index}.1` });
    const destination = `10.${net}.${1 - index}.0/24`;
    if (kind === 'native') outside.addRoute({ destination, via: other });
    else {
      const [own, peer] = [macs[index]!, macs[1 - index]!];
      outside.addVxlan({ name: 'byhand', id: 77, port: 4790, local: host.addresses.ipv4, mac: own, mtu, up: true });
      outside.addForwarding({ link: 'byhand', mac: peer, destination: other });
      outside.addNeighbour({ link: 'byhand', address: other, mac: peer });
      outside.addRoute({ destination, via: other, link: 'byhand', onLink: true });
    }
    return path;
  });
  const server = inNamespace(namespaces[1]!, () => spawn('iperf3', ['-s', '-p', PORT], { stdio: 'ignore' }));
  stack.defer(() => server.kill());
  return { from: namespaces[0]!, to: namespaces[1]!, address: `10.${net}.1.2` };
}

/** While it lasts the hosts have these rules. */
function withRules(hosts: readonly LabHost[], chain: string | undefined): Disposable {
  const each = (script: string) => {
    for (const { namespace } of hosts) {
      using nftables = Nftables.open({ namespace });
      nftables.run(script);
    }
  };
  if (chain === undefined) return { [Symbol.dispose]() {} };
  each(`table inet byhand {\n ${chain}\n}`);
  return { [Symbol.dispose]: () => each('delete table inet byhand') };
}

/** @returns Gbit/s that the server received */
async function throughput({ from, address }: Path): Promise<number> {
  const { stdout } = await run('nsenter', [`--net=${from}`, 'iperf3', '-c', address, '-p', PORT, '-t', SECONDS, '-J']);
  return (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second / 1e9;
}

/** @returns microseconds that 64 KiB take, their acknowledgement included */
async function cost(program: string, { from, to, address }: Path): Promise<number> {
  const { stdout } = await run(program, [from, to, address, CARRY_PORT]);
  return Number(stdout) / 1000;
}

/** @returns milliseconds each, by the clock of the kernel's message */
async function joinTimes(host: LabHost, writer: StoreWriter): Promise<number[]> {
  using netlink = Netlink.open({ namespace: host.namespace });
  const times: number[] = [];
  for (let index = 0; index < JOINS; index++) {
    const cidr = `10.100.200.${index * 16}/28`;
    const changes = netlink.monitor(['route']);
    const { start } = await writer.put({
      kind: 'Host',
      metadata: { name: `new-${index}` },
      spec: { addresses: [`192.0.2.${200 + index}`] },
    });
    await writer.put({ kind: 'Block', metadata: { name: blockName({ cidr }) }, spec: { cidr, pool: 'native', host: `new-${index}` } });
    for await (const change of changes)
      if (change.type === 'route' && change.route.destination === cidr && change.route.via !== undefined) break;
    times.push(monotonicMs() - start);
  }
  return times;
}

/** In a namespace of its own, with the agent's own code: what is desired, calculated, and a kernel without any of it. */
function firstSync(): Row {
  const path = `/run/netns/weir-bench-routing-${process.pid}`;
  createNamespace(path);
  try {
    using netlink = Netlink.open({ namespace: path });
    netlink.addBridge({ name: 'uplink', up: true });
    netlink.addAddress('uplink', '172.16.0.1/16');
    const metadata = (name: string) => ({ name, labels: {}, annotations: {} });
    const names = Array.from({ length: HOSTS }, (_, index) => `host-${index}`);
    const hosts = names.map((name, index) => ({
      apiVersion: 'weir/v1',
      kind: 'Host',
      metadata: metadata(name),
      spec: { addresses: [`172.16.${1 + (index >> 8)}.${index & 255}`], subnets: [] },
    }));
    const blocks = names.map((name, index) => {
      const cidr = `10.${index >> 8}.${index & 255}.0/26`;
      return { apiVersion: 'weir/v1', kind: 'Block', metadata: metadata(blockName({ cidr })), spec: { cidr, pool: 'p', host: name } };
    });
    const state = {
      self: 'none',
      hosts: hosts.map((object) => parseObject(object)) as Host[],
      blocks: blocks.map((object) => parseObject(object)) as Block[],
      pools: [],
    };
    const samples = Array.from({ length: SYNCS }, () => {
      const table = new RouteTable(netlink);
      const start = performance.now();
      const { done } = table.apply(desiredRoutes(state).routes);
      const time = performance.now() - start;
      if (done.length !== HOSTS) throw new Error(`${done.length} routes were made of ${HOSTS}`);
      table.apply(new Map());
      return time;
    });
    return medianRow({ name: `first sync of ${HOSTS} hosts' routes`, unit: 'ms', samples });
  } finally {
    deleteNamespace(path);
  }
}
