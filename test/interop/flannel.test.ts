/** A Weir host in a network of real flannel hosts: flanneld with its own etcd client, and containers of flannel's own CNI plugin. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabHost, TWO_RACKS } from '@weir/lab';
import type { Host } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { Etcd, FLANNEL_NETWORK, FLANNEL_POOLS, FLANNEL_PREFIX } from '../testbed/flannel-host.ts';
import { expectFlows, expectFlowsUnder } from '../testbed/flows.ts';
import { Testbed, type Workload } from '../testbed/testbed.ts';
import type { Traffic } from '../testbed/traffic.ts';
import { findFlannel } from './flannel-programs.ts';
import { Flanneld, installFlannelNetwork, PluginContainer } from './flanneld.ts';

const { flanneld, plugin, missing } = await findFlannel();
if (missing !== undefined) test(`flannel itself is not tried here: ${missing}`, (t) => t.pass());
const real = missing === undefined ? test.serial : test.serial.skip;

/** A host of Weir's, one of flannel's beside it, another behind a router. */
let testbed: () => Testbed;

/** Without the second the plugin's bridge hides containers behind their host's address, from containers of other hosts too. */
const OPTIONS = ['--subnet-lease-renew-margin=1', '--ip-masq'];

let etcd: Etcd;
let host: LabHost;
let weir: Workload;
let daemons: { near: Flanneld; far: Flanneld };
let containers: { near: PluginContainer; far: PluginContainer };

if (missing === undefined) {
  testbed = Testbed.share(test, {
    topology: { subnets: TWO_RACKS.subnets, hosts: ['rack-1'], outside: ['rack-1', 'rack-2'] },
    store: 'etcd',
    manifests: FLANNEL_POOLS,
    agent: { flannel: {} },
  });
  test.serial.before('a flannel network of two hosts and Weir', async (t) => {
    t.timeout(60_000);
    const { folder, storeEnvironment } = testbed().cluster;
    [host] = testbed().hosts as [LabHost];
    const endpoint = storeEnvironment.WEIR_ETCD_ENDPOINTS!;
    etcd = new Etcd(folder.namespacePath('switch'), endpoint);
    configure({ Type: 'vxlan' });
    const daemon = (name: string) => new Flanneld({ path: flanneld, folder, name, endpoint, options: OPTIONS });
    daemons = { near: daemon('outside-1'), far: daemon('outside-2') };
    await Promise.all([daemons.near.start(), daemons.far.start()]);
    const attach = (flanneld: Flanneld, name: string) => PluginContainer.attach({ plugin, folder, flanneld, name });
    const [near, far] = await Promise.all([attach(daemons.near, 'near'), attach(daemons.far, 'far')]);
    containers = { near, far };
  });
}

test.after.always(async () => {
  for (const container of Object.values(containers ?? {})) await container.traffic.close();
});

const configure = (Backend: object, more: object = {}): void =>
  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify({ ...FLANNEL_NETWORK, ...more, Backend }));

const ip = (namespace: string, ...words: string[]): string =>
  execFileSync('nsenter', [`--net=${namespace}`, 'ip', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const fdb = (namespace: string, link: string): string =>
  execFileSync('nsenter', [`--net=${namespace}`, 'bridge', 'fdb', 'show', 'dev', link], { encoding: 'utf8' });

interface Lease {
  key: string;
  text: string;
  subnets: string[];
  lease: string;
  value: {
    PublicIP: string;
    PublicIPv6: string;
    BackendType: string;
    BackendData: { VNI: number; VtepMAC: string } | null;
    BackendV6Data: { VNI: number; VtepMAC: string } | null;
  };
}

type Name = 'weir' | 'near' | 'far';

const ADDRESSES: Record<Name, string> = { weir: '192.0.2.11', near: '192.0.2.101', far: '198.51.100.102' };

function leaseOf(name: Name): Lease | undefined {
  const found = etcd.list(`${FLANNEL_PREFIX}/subnets/`).map(({ key, value: text, lease }) => {
    const subnets = key
      .slice(key.lastIndexOf('/') + 1)
      .split('&')
      .map((subnet) => subnet.replace('-', '/'));
    return { key, text, subnets, lease, value: JSON.parse(text) as Lease['value'] };
  });
  return found.find(({ value }) => value.PublicIP === ADDRESSES[name]);
}

const hasLease = (name: Name, isWanted: (lease: Lease) => boolean = () => true): Promise<Lease | undefined> =>
  eventually(
    () => leaseOf(name),
    (lease) => lease !== undefined && isWanted(lease),
  );

/** What a host's kernel knows of another's lease, in the words of `ip` and `bridge`, without who wrote it. */
function entriesOf(namespace: string, { subnets, value }: Lease, vni: number): string[] {
  return subnets.flatMap((subnet, index) => {
    const [family, link, data, address] = [
      ['-4', `flannel.${vni}`, value.BackendData, value.PublicIP] as const,
      ['-6', `flannel-v6.${vni}`, value.BackendV6Data, value.PublicIPv6] as const,
    ][index]!;
    const route = ip(namespace, family, 'route', 'show', subnet).replace(/ proto \d+/, '');
    if (data === null) return route;
    const neighbour = ip(namespace, family, 'neighbour', 'show', subnet.split('/')[0]!, 'dev', link);
    const forwarding = fdb(namespace, link)
      .split('\n')
      .filter((line) => line.includes(data.VtepMAC) || line.includes(` ${address} `));
    return [route, neighbour, ...forwarding].map((line) => line.trim().replace(/ metric \d+| pref medium/g, ''));
  });
}

/** The same, as flannel's documentation has it. */
function wantedEntries({ subnets, value }: Lease, vni: number): string[] {
  const ends = [
    [`flannel.${vni}`, value.BackendData!, value.PublicIP],
    [`flannel-v6.${vni}`, value.BackendV6Data!, value.PublicIPv6],
  ] as const;
  return subnets.flatMap((subnet, index) => {
    const [link, { VtepMAC }, address] = ends[index]!;
    const first = subnet.split('/')[0]!;
    return [
      `${subnet} via ${first} dev ${link} onlink`,
      `${first} lladdr ${VtepMAC} PERMANENT`,
      `${VtepMAC} dst ${address} self permanent`,
    ];
  });
}

const places = () => ({ weir, ...containers });

const ALL = Object.fromEntries(
  ['weir > near', 'weir > far', 'near > weir', 'far > weir'].flatMap((pair) => ['tcp/80', 'ping'].map((kind) => [`${pair} ${kind}`, true])),
);

/** Who gives containers addresses of the lease, once the Host object says so. */
const givenBy = (wanted: 'Weir' | 'FlannelPlugin'): Promise<string | undefined> =>
  eventually(
    async () => (JSON.parse(await testbed().mustWeir(['get', 'host', host.name, '-o', 'json'])) as Host).spec.flannel?.containers,
    (containers) => containers === wanted,
  );

real('vxlan: leases that both kinds read, the same entries in both kernels, packets over IPv4 and IPv6', async (t) => {
  t.timeout(60_000);
  const own = (await hasLease('weir'))!;
  t.is(await givenBy('Weir'), 'Weir');
  weir = await testbed().launch(host, { app: 'weir' });
  t.is(weir.ipv4, own.subnets[0]!.replace('0/24', '2'));
  t.is(weir.ipv6, own.subnets[1]!.replace('/64', '2'));
  await expectFlows(t, places(), { ...ALL, 'near > weir udp/80': true, 'weir > far udp/80': true });
  for (const name of ['near', 'far'] as const) {
    const other = leaseOf(name)!;
    t.like(other.value, { BackendType: 'vxlan', BackendData: { VNI: 1 } });
    t.deepEqual(Object.keys(own.value), Object.keys(other.value), 'the keys of a lease, in the order in which flannel writes them');
    t.is(etcd.grantedTtl(own.lease), etcd.grantedTtl(other.lease));
    t.deepEqual(entriesOf(host.namespace, other, 1), wantedEntries(other, 1));
    t.deepEqual(entriesOf(daemons[name].namespace, own, 1), wantedEntries(own, 1));
  }
  t.deepEqual(vxlanOf(host.namespace, 'flannel.1'), vxlanOf(daemons.near.namespace, 'flannel.1'));
  t.deepEqual(vxlanOf(host.namespace, 'flannel-v6.1'), vxlanOf(daemons.near.namespace, 'flannel-v6.1'));
});

/** All that both ends of a tunnel have to agree on. */
function vxlanOf(namespace: string, link: string): object {
  const [{ mtu, linkinfo }] = JSON.parse(ip(namespace, '-d', '-j', 'link', 'show', link));
  const { id, port, learning, udp_csum, udp_zero_csum6_tx, udp_zero_csum6_rx } = linkinfo.info_data;
  return { mtu, id, port, learning, udp_csum, udp_zero_csum6_tx, udp_zero_csum6_rx };
}

real('policy sees the addresses of flannel’s containers', async (t) => {
  const source = `{ nets: ${JSON.stringify(leaseOf('near')!.subnets)} }`;
  await expectFlowsUnder(
    t,
    testbed(),
    `{ apiVersion: weir/v1, kind: Policy, metadata: { name: weir }, spec: { selector: app == 'weir', ingress: [{ action: Allow, source: ${source} }] } }\n`,
    places(),
    { 'near > weir tcp/80': true, 'far > weir tcp/80': false, 'weir > far tcp/80': true },
  );
});

real('flanneld renews a lease that runs out: nothing changes. One that is revoked ends it: routes go, and come back with it', async (t) => {
  t.timeout(60_000);
  const before = leaseOf('near')!;
  await containers.near.traffic.stream('kept', { address: weir.ipv4, port: 80 });
  // A second before the minute that it renews a lease ahead.
  const short = etcd.grant(61);
  etcd.put(before.key, before.text, short);
  const renewed = await hasLease('near', ({ lease }) => lease !== short);
  t.is(etcd.grantedTtl(renewed!.lease), 24 * 3600);
  t.is(renewed!.key, before.key);
  t.deepEqual(entriesOf(host.namespace, renewed!, 1), wantedEntries(renewed!, 1));
  await goesOn(t, containers.near.traffic);

  etcd.revoke(renewed!.lease);
  await daemons.near.ended();
  t.regex(daemons.near.log, /Lease has been revoked/);
  const left = await eventually(
    () => entriesOf(host.namespace, before, 1).join(''),
    (text) => text === '',
  );
  t.is(left, '');
  await expectFlows(t, places(), { 'weir > near tcp/80': false, 'weir > far tcp/80': true });
  await daemons.near.start();
  t.is(leaseOf('near')!.key, before.key);
  await expectFlows(t, places(), ALL);
});

async function goesOn(t: ExecutionContext, traffic: Traffic): Promise<void> {
  const { answered } = await traffic.streamState('kept');
  const state = await eventually(
    () => traffic.streamState('kept'),
    (seen) => seen.answered > answered || seen.ended !== undefined,
  );
  t.is(state.ended, undefined);
}

real('flanneld follows Weir: its lease revoked, its agent killed, both at once', async (t) => {
  t.timeout(60_000);
  const before = leaseOf('weir')!;
  await containers.far.traffic.stream('kept', { address: weir.ipv6, port: 80 });
  etcd.revoke(before.lease);
  const again = await hasLease('weir', ({ lease }) => lease !== before.lease);
  t.is(again!.key, before.key);
  await goesOn(t, containers.far.traffic);
  await host.stopAgent('SIGKILL');
  await daemons.far.stop('SIGKILL');
  await goesOn(t, containers.far.traffic);
  await Promise.all([host.startAgent(), daemons.far.start()]);
  const restarted = await hasLease('weir', ({ lease }) => lease !== again!.lease);
  t.deepEqual([restarted!.key, restarted!.text], [before.key, before.text]);
  await goesOn(t, containers.far.traffic);
  await expectFlows(t, places(), ALL);
  t.deepEqual(entriesOf(daemons.far.namespace, restarted!, 1), wantedEntries(restarted!, 1));
});

real('another VNI and port, and DirectRouting', async (t) => {
  t.timeout(60_000);
  await reconfigure(t, { Type: 'vxlan', VNI: 42, Port: 8473, DirectRouting: true });
  await expectFlows(t, places(), ALL);
  const [own, near, far] = [leaseOf('weir')!, leaseOf('near')!, leaseOf('far')!];
  t.regex(ip(host.namespace, 'route', 'show', near.subnets[0]!), /via 192\.0\.2\.101 dev eth0/);
  t.regex(ip(daemons.near.namespace, 'route', 'show', own.subnets[0]!), /via 192\.0\.2\.11 dev eth0/);
  t.deepEqual(entriesOf(host.namespace, far, 42), wantedEntries(far, 42));
  t.deepEqual(entriesOf(daemons.far.namespace, own, 42), wantedEntries(own, 42));
  t.deepEqual(vxlanOf(host.namespace, 'flannel.42'), vxlanOf(daemons.far.namespace, 'flannel.42'));
});

real('host-gw: routes alone, among the hosts of one rack; flanneld by nftables', async (t) => {
  t.timeout(60_000);
  await daemons.far.stop();
  await reconfigure(t, { Type: 'host-gw' }, { names: ['near'], more: { EnableNFTables: true } });
  await expectFlows(t, places(), { 'weir > near tcp/80': true, 'near > weir tcp/80': true, 'near > weir ping': true });
  const [own, near] = [leaseOf('weir')!, leaseOf('near')!];
  t.deepEqual(Object.keys(own.value), Object.keys(near.value));
  t.deepEqual([own.value.BackendType, near.value.BackendType], ['host-gw', 'host-gw']);
  t.regex(ip(host.namespace, '-6', 'route', 'show', near.subnets[1]!), /via 2001:db8::101 dev eth0/);
  t.regex(ip(daemons.near.namespace, '-6', 'route', 'show', own.subnets[1]!), /via 2001:db8::11 dev eth0/);
  t.regex(
    execFileSync('nsenter', [`--net=${daemons.near.namespace}`, '/usr/sbin/nft', 'list', 'tables'], { encoding: 'utf8' }),
    /table ip flannel-ipv4\n/,
  );
});

/** flanneld reads it at its start, Weir when it changes. Whoever changes it for flanneld removes by hand what it leaves. */
async function reconfigure(
  t: ExecutionContext,
  backend: { Type: string; [option: string]: unknown },
  { names = ['near', 'far'], more }: { names?: ('near' | 'far')[]; more?: object } = {},
): Promise<void> {
  for (const name of names) {
    const { namespace } = daemons[name];
    await daemons[name].stop();
    // Its IPv6 routes of before would keep it from making new ones, EINVAL, and from all else while it tries again.
    const links = JSON.parse(ip(namespace, '-j', 'link', 'show', 'type', 'vxlan')) as { ifname?: string }[];
    for (const { ifname } of links) if (ifname !== undefined) ip(namespace, 'link', 'delete', ifname);
    ip(namespace, '-6', 'route', 'flush', 'root', FLANNEL_NETWORK.IPv6Network, 'proto', 'boot');
  }
  configure(backend, more);
  await Promise.all(names.map((name) => daemons[name].start()));
  t.truthy(await hasLease('weir', ({ value }) => value.BackendType === backend.Type));
}

real('cni-configs/weir-flannel.json with the real plugin, which reads the file that Weir writes in flanneld’s place', async (t) => {
  t.timeout(60_000);
  await reconfigure(t, { Type: 'vxlan' }, { names: ['near'] });
  await testbed().destroy(weir);
  const { folder } = testbed().cluster;
  const subnetFile = join(folder.path, 'flannel', 'subnet.env');
  await restartWith({ subnetFile });
  t.true(await eventually(() => existsSync(subnetFile), Boolean));
  const keys = (file: string) => readFileSync(file, 'utf8').replace(/=.*/g, '');
  t.is(keys(subnetFile), keys(daemons.near.subnetFile));
  const network = installFlannelNetwork(host, plugin, {
    subnetFile,
    data: join(folder.path, 'flannel', 'data'),
  });

  const canal = await testbed().launch(host, { app: 'canal' }, { network });
  const own = leaseOf('weir')!;
  t.is(canal.ipv4, own.subnets[0]!.replace('0/24', '2'));
  t.is(canal.ipv6, own.subnets[1]!.replace('/64', '2'));
  const around = { canal, ...containers };
  await expectFlows(t, around, { 'near > canal tcp/80': true, 'canal > near tcp/80': true, 'canal > near ping': true });
  await expectFlowsUnder(
    t,
    testbed(),
    `{ apiVersion: weir/v1, kind: Policy, metadata: { name: canal }, spec: { selector: app == 'canal', ingress: [] } }\n`,
    around,
    { 'near > canal tcp/80': false, 'canal > near tcp/80': true },
  );
  await testbed().destroy(canal);
});

/** @param flannel section of the agent's configuration; absent: none */
async function restartWith(flannel?: object): Promise<void> {
  const config = JSON.parse(readFileSync(host.agentConfig, 'utf8')) as object;
  writeFileSync(host.agentConfig, JSON.stringify({ ...config, flannel }));
  await host.stopAgent();
  await host.startAgent();
}

real('a host goes over from Weir to flannel and back: it keeps its lease, and its interface what others know of it', async (t) => {
  t.timeout(60_000);
  ip(host.namespace, 'link', 'delete', 'flannel0');
  await restartWith();
  t.is(ip(host.namespace, 'link', 'show', 'type', 'vxlan'), '', 'Weir left the network');
  const before = leaseOf('weir')!;
  const { folder, storeEnvironment } = testbed().cluster;
  const endpoint = storeEnvironment.WEIR_ETCD_ENDPOINTS!;
  const daemon = new Flanneld({ path: flanneld, folder, name: host.name, endpoint, options: OPTIONS });
  await daemon.start();
  const container = await PluginContainer.attach({ plugin, folder, flanneld: daemon, name: 'moving' });
  t.teardown(() => container.traffic.close());
  const lease = leaseOf('weir')!;
  t.is(lease.key, before.key);
  await expectFlows(t, { container, near: containers.near }, { 'container > near tcp/80': true, 'near > container tcp/80': true });

  await daemon.stop();
  await container.remove();
  ip(host.namespace, 'link', 'delete', 'cni0');
  await restartWith({});
  const again = await hasLease('weir', (seen) => seen.lease !== lease.lease);
  t.deepEqual([again!.key, again!.text], [lease.key, lease.text]);
  t.is(await givenBy('Weir'), 'Weir');
  weir = await testbed().launch(host, { app: 'weir' });
  t.is(weir.ipv4.replace(/\d+$/, '0/24'), again!.subnets[0]!);
  await expectFlows(t, { weir, near: containers.near }, { 'weir > near tcp/80': true, 'near > weir tcp/80': true });
});
