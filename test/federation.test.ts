/** Two clusters, each with an etcd of its own, whose networks reach each other by native routes: rules of one select endpoints of the other. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type EtcdServer, startEtcdServer } from '@weir/datastore/testing';
import { flat, type LabHost } from '@weir/lab';
import type { RemoteClusterStatus } from '@weir/resources';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Etcd } from './testbed/flannel-host.ts';
import { expectFlows } from './testbed/flows.ts';
import { readMetrics, readReadiness } from './testbed/health.ts';
import { ONLY_FRIENDS, SHOP } from './testbed/shop.ts';
import { POOLS, Testbed, type Workload } from './testbed/testbed.ts';

const WEIR = new URL('../packages/cli/bin/weir.js', import.meta.url).pathname;
/** Of the switch, which every host reaches. */
const ADDRESS = '192.0.2.1';
/** West's containers leave for others under their host's address, and not for east. */
const WEST_POOLS = POOLS.replaceAll('blockSize', 'natOutgoing: true, blockSize');
const EAST_POOLS = POOLS.replaceAll('10.64', '10.65').replaceAll('fd00:64', 'fd00:65');

const remoteCluster = (name: string, net: number) => `
apiVersion: weir/v1
kind: RemoteCluster
metadata: { name: ${name} }
spec: { cidrs: [10.${net}.0.0/16, "fd00:${net}::/112"] }
`;
const policy = (app: string, selector: string) => `
apiVersion: weir/v1
kind: Policy
metadata: { name: friends, namespace: shop }
spec: { selector: app == '${app}', ingress: [{ action: Allow, source: { selector: "${selector}" } }] }
`;
const FRIENDS_IN_EAST = policy('server', "weir/cluster == 'east' && friend == 'yes'");

const testbed = Testbed.share(test, { topology: flat(2), store: 'etcd', manifests: WEST_POOLS, agent: { presenceTtl: 2 } });

let eastEtcd: EtcdServer;
let west: LabHost;
let east: LabHost;
let server: Workload;
let local: Workload;
let friend: Workload;
let stranger: Workload;

/** Restarts an agent with further keys of its configuration. */
async function restart(host: LabHost, keys: object): Promise<void> {
  await host.stopAgent();
  const config = JSON.parse(readFileSync(host.agentConfig, 'utf8'));
  writeFileSync(host.agentConfig, JSON.stringify({ ...config, ...keys }));
  await host.startAgent();
}

/** `weir` as an operator of east runs it, on a host there. */
async function inEast(args: string[], stdin = ''): Promise<void> {
  const child = east.spawn(process.execPath, [WEIR, ...args, '--etcd-endpoints', eastEtcd.endpoint], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin!.end(stdin);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`weir ${args.join(' ')} ended with ${code}`);
}

async function run(host: LabHost, command: string, ...args: string[]): Promise<void> {
  const [code] = await once(host.spawn(command, args, { stdio: 'inherit' }), 'exit');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
}

const label = (workload: Workload, ...changes: string[]) =>
  inEast(['label', 'endpoint', `${workload.containerId}-eth0`, '-n', 'shop', '--overwrite', ...changes]);

async function statusOf(isWanted: (status: RemoteClusterStatus | undefined) => boolean): Promise<RemoteClusterStatus | undefined> {
  return eventually(
    async () =>
      JSON.parse(await testbed().mustWeir(['get', 'remotecluster', 'east', '-o', 'json'])).status as RemoteClusterStatus | undefined,
    isWanted,
    { limitMs: 20_000 },
  );
}

const remoteEndpoints = async (): Promise<string[]> =>
  JSON.parse(await testbed().mustWeir(['get', 'remoteendpoints', '-A', '-o', 'json'])).items.map(
    ({ metadata }: { metadata: { name: string } }) => metadata.name,
  );

test.serial.before('the second host becomes a cluster of its own', async (t) => {
  t.timeout(90_000);
  const bed = testbed();
  [west, east] = bed.hosts as [LabHost, LabHost];
  eastEtcd = await startEtcdServer({ within: { namespace: bed.cluster.folder.namespacePath('switch'), address: ADDRESS } });
  const westEndpoints = bed.cluster.storeEnvironment.WEIR_ETCD_ENDPOINTS!.split(',');
  const read = (endpoints: string[]) => ({ etcd: { endpoints } });
  await restart(east, {
    store: { backend: 'etcd', etcd: { endpoints: [eastEtcd.endpoint] } },
    remoteClusters: { west: read(westEndpoints) },
  });
  await bed.mustWeir(['delete', 'host', 'host-2']);
  await inEast(['apply', '-f', '-'], EAST_POOLS);
  await restart(west, { remoteClusters: { east: read([eastEtcd.endpoint]) } });
  for (const [host, other, net] of [
    [west, east, 65],
    [east, west, 64],
  ] as const) {
    await run(host, 'ip', 'route', 'add', `10.${net}.0.0/16`, 'via', other.addresses.ipv4);
    await run(host, 'ip', '-6', 'route', 'add', `fd00:${net}::/112`, 'via', other.addresses.ipv6);
  }
  [server, local, friend, stranger] = await Promise.all([
    bed.launch(west, { ...SHOP, app: 'server' }, { name: 'server' }),
    bed.launch(west, { ...SHOP, friend: 'yes' }, { name: 'local' }),
    bed.launch(east, { ...SHOP, friend: 'yes', app: 'other' }, { name: 'friend' }),
    bed.launch(east, { ...SHOP, friend: 'no' }, { name: 'stranger' }),
  ]);
});

test.after.always(async () => void (await eastEtcd?.stop()));

const places = () => ({ server, local, friend, stranger });

test.serial('a cluster that is added changes no verdict, until a rule names it', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await bed.apply(ONLY_FRIENDS);
  const before = { 'local > server tcp/80': true, 'friend > server tcp/80': false, 'stranger > server tcp/80': false };
  await expectFlows(t, places(), before);
  await bed.apply(remoteCluster('east', 65));
  const status = await statusOf((seen) => seen?.state === 'Connected' && seen.endpoints === 2);
  t.like(status, { state: 'Connected', host: 'host-1', endpoints: 2, refused: 0 });
  await expectFlows(t, places(), before);
  await bed.apply(FRIENDS_IN_EAST);
  await expectFlows(t, places(), { 'local > server tcp/80': false, 'friend > server tcp/80': true, 'stranger > server tcp/80': false });
  const traced = await bed.mustWeir(['trace', '--from', 'east:friend=yes', '--to', 'shop/app=server', '--port', 'tcp/80']);
  t.regex(traced, /^Allowed: ingress\[0\] of policy\/friends/m);
});

test.serial('labels there are in force here as they change', async (t) => {
  t.timeout(60_000);
  const times: number[] = [];
  for (const is of [true, false, true, false]) {
    await label(stranger, `friend=${is ? 'yes' : 'no'}`);
    const start = performance.now();
    await expectFlows(t, places(), { 'stranger > server tcp/80': is });
    times.push(Math.round(performance.now() - start));
  }
  t.log(`in force after ${times.join(', ')} ms, of which a flow that is tried takes up to a second`);
});

test.serial('each of two clusters sees who comes from the other, also from pools with natOutgoing', async (t) => {
  t.timeout(60_000);
  const flows = (server: boolean, local: boolean) => ({ 'server > friend tcp/80': server, 'local > friend tcp/80': local });
  await expectFlows(t, places(), flows(true, true));
  await inEast(['apply', '-f', '-'], remoteCluster('west', 64));
  await inEast(['apply', '-f', '-'], policy('other', "weir/cluster == 'west' && app == 'server'"));
  await expectFlows(t, places(), flows(true, false));
  await inEast(['delete', 'policy', 'friends', '-n', 'shop']);
});

test.serial('addresses that are not the other cluster’s are not believed, and not to be declared', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const overlapping = await bed.weir(['apply', '-f', '-'], remoteCluster('south', 64));
  t.is(overlapping.status, 1);
  t.regex(overlapping.stderr, /remote cluster "south" \(10\.64\.0\.0\/16\) overlaps pool "ipv4"/);
  t.regex((await bed.weir(['apply', '-f', '-'], remoteCluster('south', 65))).stderr, /overlaps remote cluster "east"/);
  const liar = (addresses: string[]) =>
    JSON.stringify({
      apiVersion: 'weir/v1',
      kind: 'Endpoint',
      metadata: { name: 'liar-eth0', namespace: 'shop', labels: { friend: 'yes' } },
      spec: {
        host: 'host-9',
        containerId: 'liar',
        network: 'weir',
        interfaceName: 'eth0',
        hostInterface: 'weirliar',
        addresses,
        ports: [],
      },
    });
  try {
    new Etcd(bed.cluster.folder.namespacePath('switch'), eastEtcd.endpoint).put('/weir/v1/Endpoint/shop/liar-eth0', liar([local.ipv4]));
    const status = await statusOf((seen) => seen?.refused === 1);
    t.regex(status!.refusal!, new RegExp(`^shop/liar-eth0: ${local.ipv4.replaceAll('.', '\\.')} is not within 10\\.65`));
    await expectFlows(t, places(), { 'local > server tcp/80': false });
    t.is((await remoteEndpoints()).length, 2);
  } finally {
    await inEast(['delete', 'endpoint', 'liar-eth0', '-n', 'shop']);
  }
  t.is((await statusOf((seen) => seen?.refused === 0))?.refused, 0);
});

/** West's agent and east's etcd hear each other no more, and are told so at once. */
async function cut(): Promise<() => Promise<void>> {
  const port = new URL(eastEtcd.endpoint).port;
  await run(
    west,
    '/usr/sbin/nft',
    `table ip cut { chain output { type filter hook output priority 0; tcp dport ${port} reject with tcp reset; }; }`,
  );
  return () => run(west, '/usr/sbin/nft', 'delete table ip cut');
}

test.serial(
  'while the link is down its endpoints are as they were, also to an agent that starts; then what changed is in force',
  async (t) => {
    t.timeout(120_000);
    const heal = await cut();
    try {
      const away = await statusOf((seen) => seen?.state === 'Away');
      t.like(away, { state: 'Away', endpoints: 2 });
      t.regex((await readReadiness(west)).reasons.join(), /remote cluster east: its store cannot be reached/);
      t.true((await readMetrics(west)).includes('weir_remote_cluster_connected{cluster="east"} 0'));
      await label(stranger, 'friend=yes');
      await west.stopAgent('SIGKILL');
      await west.startAgent();
      await expectFlows(t, places(), { 'friend > server tcp/80': true, 'stranger > server tcp/80': false });
      const still = await statusOf((seen) => seen?.state === 'Away');
      t.is(still!.since, away!.since, 'an agent that starts meanwhile does not tell another time');
    } finally {
      await heal();
    }
    t.is((await statusOf((seen) => seen?.state === 'Connected'))?.state, 'Connected');
    await expectFlows(t, places(), { 'friend > server tcp/80': true, 'stranger > server tcp/80': true });
    t.regex(await testbed().mustWeir(['get', 'remoteclusters']), /connected, by host-1/);
  },
);

test.serial('an endpoint that goes there goes here, and so do all with their cluster', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await bed.destroy(stranger);
  t.deepEqual(await eventually(remoteEndpoints, (names) => names.length === 1), [`east_${friend.containerId}-eth0`]);
  await bed.mustWeir(['delete', 'remotecluster', 'east']);
  await bed.apply(remoteCluster('east', 65));
  await expectFlows(t, { server, friend }, { 'friend > server tcp/80': true });
  await bed.mustWeir(['delete', 'remotecluster', 'east']);
  await expectFlows(t, { server, friend }, { 'friend > server tcp/80': false });
  t.deepEqual(await eventually(remoteEndpoints, (names) => names.length === 0), []);
});
