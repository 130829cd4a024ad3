/**
 * `npm run bench:routing`: what Weir's way between two hosts costs, and how soon it is there. Throughput (iperf3) between containers of two
 * hosts, natively and through a tunnel, each in turn with the same made by hand on two hosts without Weir: a veth and a route, and a
 * VXLAN link of the kernel. By hand twice: with no rule at all, where packets pass no hook, and with the least that a firewall is, which
 * lets the packets of known connections through: what that costs is the kernel's connection tracking. Then the time from a new host's objects to the route that leads there, and the first sync of a thousand hosts.
 */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { createNamespace, deleteNamespace, inNamespace, Netlink, Nftables, openNamespace } from '@weir/kernel';
import { type Cluster, type Container, type LabHost, monotonicMs, nsenterArguments } from '@weir/lab';
import { type Block, blockName, type Host, parseObject } from '@weir/resources';
import { desiredRoutes, RouteTable } from '@weir/routing';
import { withCluster } from './cluster.ts';
import { StoreWriter } from './store-writer.ts';
import { medianRow, progress, type Row, report, type Series } from './table.ts';
import { until } from './until.ts';

const ROUNDS = 8;
const SECONDS = '1';
const PORT = '5201';
const HOSTS = 1000;
const JOINS = 10;
const SYNCS = 5;

const run = promisify(execFile);

/** Gives Gbit/s of one second. */
type Measure = () => Promise<number>;

report('routing', [...(await withCluster({ bench: 'routing', hosts: 4 }, measure)), firstSync()]);

async function measure(cluster: Cluster): Promise<Row[]> {
  const writer = new StoreWriter(cluster);
  const pool = (name: string, cidr: string, vxlan: string) => ({ kind: 'Pool', metadata: { name }, spec: { cidr, vxlan } });
  await writer.load([pool('native', '10.100.0.0/16', 'Never')]);
  const [one, two, three, four] = cluster.hosts as [LabHost, LabHost, LabHost, LabHost];
  const native = await weirPath(one, two, 'native');
  // New addresses come from the other pool from here on.
  const disabled = { kind: 'Pool', metadata: { name: 'native' }, spec: { cidr: '10.100.0.0/16', disabled: true } };
  await writer.load([disabled, pool('tunnel', '10.101.0.0/16', 'Always')]);
  const tunnel = await weirPath(one, two, 'tunnel');
  const plainHosts = [three, four] as const;
  for (const host of plainHosts) await withoutWeir(host);
  using stack = new DisposableStack();
  const plain = plainPath(plainHosts, 'native', stack);
  const plainTunnel = plainPath(plainHosts, 'vxlan', stack);

  const paths = {
    plain,
    stateful: () => behindFirewall(plainHosts, plain),
    native,
    plainTunnel,
    statefulTunnel: () => behindFirewall(plainHosts, plainTunnel),
    tunnel,
  };
  const names = Object.keys(paths) as (keyof typeof paths)[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<keyof typeof paths, number[]>;
  for (let round = 0; round < ROUNDS; round++) {
    progress(`throughput, round ${round + 1} of ${ROUNDS}`);
    // There and back: what the machine does meanwhile, and what it still has warm, favours none.
    for (const name of round % 2 === 0 ? names : names.toReversed()) samples[name].push(await paths[name]());
  }
  const series = (name: string, values: number[]): Series => ({ name, unit: 'Gbit/s', samples: values });
  const byHand = series('veth and route by hand', samples.plain);
  const stateful = series('the same with a stateful rule', samples.stateful);
  const tunnelByHand = series("the kernel's VXLAN by hand", samples.plainTunnel);
  const statefulTunnel = series('that with a stateful rule', samples.statefulTunnel);
  progress('hosts that join');
  const joins: Series = { name: 'from the objects of a new host to the route there', unit: 'ms', samples: await joinTimes(one, writer) };
  await writer.close();
  return [
    medianRow(byHand),
    medianRow(stateful, byHand),
    medianRow(series('native', samples.native), byHand),
    medianRow(series('native', samples.native), stateful),
    medianRow(tunnelByHand),
    medianRow(statefulTunnel, tunnelByHand),
    medianRow(series('tunnel', samples.tunnel), tunnelByHand),
    medianRow(series('tunnel', samples.tunnel), statefulTunnel),
    medianRow(joins),
  ];
}

async function weirPath(from: LabHost, to: LabHost, name: string): Promise<Measure> {
  const launch = (host: LabHost, command: string): Promise<Container> =>
    host.containerizer().launch({ containerId: `${name}-${host.index}`, networkInfos: [{ name: 'weir' }], command });
  const [server, client] = await Promise.all([launch(to, `exec iperf3 -s -p ${PORT}`), launch(from, 'exec sleep 1000')]);
  const address = server.networks[0]!.ip_addresses[0]!.ip_address.split('/')[0]!;
  const within = (...command: string[]) => run('nsenter', [...nsenterArguments(client.pid), ...command]);
  await until(`${address} from ${name}`, () =>
    throughput(within, address).then(
      (value) => value > 0,
      () => false,
    ),
  );
  return () => throughput(within, address);
}

async function withoutWeir(host: LabHost): Promise<void> {
  await host.stopAgent();
  using nftables = Nftables.open({ namespace: host.namespace });
  nftables.run('delete table inet weir');
}

/** Two namespaces as containers, each behind its host, and what an administrator would set up between them. */
function plainPath(hosts: readonly [LabHost, LabHost], kind: 'native' | 'vxlan', stack: DisposableStack): Measure {
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
  return () => throughput((...command) => run('nsenter', [`--net=${namespaces[0]}`, ...command]), `10.${net}.1.2`);
}

/** Measures while the hosts have the shortest rules that know connections. */
async function behindFirewall(hosts: readonly LabHost[], path: Measure): Promise<number> {
  const each = (script: string) => {
    for (const { namespace } of hosts) {
      using nftables = Nftables.open({ namespace });
      nftables.run(script);
    }
  };
  each(`table inet byhand {
    chain forward {
      type filter hook forward priority filter; policy drop;
      ct state established,related accept
      ct state new accept
    }
  }`);
  try {
    return await path();
  } finally {
    each('delete table inet byhand');
  }
}

/** @returns Gbit/s that the server received */
async function throughput(within: (command: string, ...args: string[]) => Promise<{ stdout: string }>, address: string): Promise<number> {
  const { stdout } = await within('iperf3', '-c', address, '-p', PORT, '-t', SECONDS, '-J');
  return (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second / 1e9;
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
