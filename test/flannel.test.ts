/** A Weir host in a flannel network: it holds a lease as flanneld does, and both kinds of hosts reach each other. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type LabHost, TWO_RACKS } from '@weir/lab';
import type { Host } from '@weir/resources';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Etcd, FLANNEL_NETWORK, FLANNEL_POOLS, FLANNEL_PREFIX, FlannelHost } from './testbed/flannel-host.ts';
import { expectFlows } from './testbed/flows.ts';
import { readReadiness } from './testbed/health.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const FLANNEL_PLUGIN = new URL('./testbed/flannel-double.ts', import.meta.url).pathname;

const VXLAN = { ...FLANNEL_NETWORK, Backend: { Type: 'vxlan' } };

/** Two hosts of Weir's in one rack; one of flannel's beside them, another behind a router. */
const testbed = Testbed.share(test, {
  topology: { subnets: TWO_RACKS.subnets, hosts: ['rack-1', 'rack-1'], outside: ['rack-1', 'rack-2'] },
  store: 'etcd',
  manifests: FLANNEL_POOLS,
  agent: { flannel: {} },
});

let etcd: Etcd;
let near: FlannelHost;
let far: FlannelHost;
let one: Workload;
let two: Workload;

const ip = (host: LabHost, ...words: string[]): string =>
  execFileSync('nsenter', [`--net=${host.namespace}`, 'ip', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const fdb = (host: LabHost): string =>
  execFileSync('nsenter', [`--net=${host.namespace}`, 'bridge', 'fdb', 'show', 'dev', 'flannel.1'], { encoding: 'utf8' });

interface LeaseSeen {
  name: string;
  lease: string;
  value: { PublicIP: string; PublicIPv6: string; BackendType: string; BackendData?: { VNI: number; VtepMAC: string } };
}

function leases(): LeaseSeen[] {
  return etcd.list(`${FLANNEL_PREFIX}/subnets/`).map(({ key, value, lease }) => ({
    name: key.slice(`${FLANNEL_PREFIX}/subnets/`.length),
    lease,
    value: JSON.parse(value),
  }));
}

const leaseOf = (host: LabHost): LeaseSeen | undefined => leases().find(({ value }) => value.PublicIP === host.addresses.ipv4);

const hasLease = (host: LabHost, isWanted: (lease: LeaseSeen) => boolean = () => true): Promise<LeaseSeen | undefined> =>
  eventually(
    () => leaseOf(host),
    (lease) => lease !== undefined && isWanted(lease),
  );

/** What the Host object says, which containers' addresses come from. */
async function subnetsTold(host: LabHost): Promise<string[]> {
  const object = JSON.parse(await testbed().mustWeir(['get', 'host', host.name, '-o', 'json'])) as Host;
  return object.spec.flannel?.subnets ?? [];
}

const toldLease = (host: LabHost): Promise<boolean> =>
  eventually(
    async () => (await subnetsTold(host)).map((subnet) => subnet.replace('/', '-')).join('&') === leaseOf(host)?.name,
    (told) => told,
  );

const flannelReasons = async (host: LabHost): Promise<string[]> =>
  (await readReadiness(host)).reasons.filter((reason) => reason.includes('flannel'));

const noReasons = (host: LabHost): Promise<string[]> =>
  eventually(
    () => flannelReasons(host),
    (reasons) => reasons.length === 0,
  );

const syncAll = (): void => {
  for (const host of [near, far]) host.sync();
};

const log = (host: LabHost): string => readFileSync(testbed().cluster.folder.logPath(`agent-${host.name}`), 'utf8');

test.serial.before('a flannel network of two hosts, which Weir joins when it is there', async (t) => {
  t.timeout(60_000);
  const { folder, hosts } = testbed().cluster;
  etcd = new Etcd(folder.namespacePath('switch'), testbed().cluster.storeEnvironment.WEIR_ETCD_ENDPOINTS!);
  const reasons = await eventually(
    () => flannelReasons(hosts[0]!),
    (found) => found.length > 0,
  );
  t.regex(reasons[0]!, /flannel: flannel's etcd has no \/coreos\.com\/network\/config/);
  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify(VXLAN));
  const flannelHost = (index: number, ipv4: string, ipv6: string) =>
    new FlannelHost({
      namespace: folder.namespacePath(`outside-${index}`),
      containerNamespace: folder.namespacePath(`outside-container-${index}`),
      address: { ipv4, ipv6 },
      number: 200 + index,
      etcd,
    });
  near = flannelHost(1, '192.0.2.101', '2001:db8::101');
  far = flannelHost(2, '198.51.100.102', '2001:db8:2::102');
  await Promise.all([near.start(), far.start()]);
});

test.after.always(async () => {
  await Promise.all([near?.close(), far?.close()]);
});

test.serial('each host of Weir holds a lease as flannel writes it, and gives its containers addresses of it', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  for (const host of bed.hosts) {
    const lease = (await hasLease(host))!;
    t.regex(lease.name, /^10\.5\.\d+\.0-24&fc00:0:0:[0-9a-f]+::-64$/);
    const { mac } = linkOf(host, 'flannel.1');
    t.like(lease.value, { PublicIPv6: host.addresses.ipv6, BackendType: 'vxlan', BackendData: { VNI: 1, VtepMAC: mac } });
    t.is(etcd.grantedTtl(lease.lease), 24 * 3600);
    t.true(await toldLease(host));
    t.deepEqual(await noReasons(host), []);
  }
  [one, two] = (await Promise.all(bed.hosts.map((host) => bed.launch(host, { app: host.name }, { name: host.name })))) as [
    Workload,
    Workload,
  ];
  for (const { host, ipv4, ipv6 } of [one, two]) {
    const [first4, first6] = (await subnetsTold(host)).map((subnet) => subnet.split('/')[0]!);
    t.is(ipv4, first4!.replace(/0$/, '2'));
    t.is(ipv6, `${first6}2`);
  }
  t.is(linkOf(bed.hosts[0]!, 'flannel.1').mtu, 1450);
  const inside = execFileSync('nsenter', [`--net=${one.container.namespace}`, 'ip', 'link', 'show', 'eth0'], { encoding: 'utf8' });
  t.regex(inside, / mtu 1430 /);
});

function linkOf(host: LabHost, name: string): { mac: string; mtu: number } {
  const [{ address, mtu }] = JSON.parse(ip(host, '-j', 'link', 'show', name));
  return { mac: address, mtu };
}

test.serial('both kinds of hosts reach each other, in the rack and behind the router; the way is flannel’s', async (t) => {
  t.timeout(60_000);
  syncAll();
  const [host] = testbed().hosts as [LabHost];
  const places = { one, two, near: near.place, far: far.place };
  const all = Object.keys(places).flatMap((from) =>
    Object.keys(places)
      .filter((to) => to !== from)
      .map((to) => [from, to] as const),
  );
  await expectFlows(
    t,
    places,
    Object.fromEntries(all.flatMap(([from, to]) => [`${from} > ${to} tcp/80`, `${from} > ${to} ping`].map((flow) => [flow, true]))),
  );
  t.regex(ip(host, 'route', 'show', '10.5.201.0/24'), /10\.5\.201\.0\/24 via 10\.5\.201\.0 dev flannel\.1 proto 121 onlink/);
  t.regex(ip(host, 'neighbour', 'show', '10.5.201.0'), /dev flannel\.1 lladdr \S+ PERMANENT/);
  t.regex(fdb(host), /dst 192\.0\.2\.101 self permanent/);
  t.regex(ip(host, '-6', 'route', 'show', 'fc00:0:0:c9::/64'), /^$/);
  t.regex(ip(host, '-6', 'route', 'show', 'fc00:0:0:201::/64'), /via fc00:0:0:201:: dev flannel-v6\.1 proto 121/);
  t.regex(ip(host, 'route', 'show', 'type', 'blackhole'), /10\.5\.\d+\.0\/24 proto 121/);
  const rows = JSON.parse(await testbed().mustWeir(['node', 'routes', host.name, '--here', '-o', 'json'])) as {
    destination: string;
    kernel: string;
  }[];
  t.deepEqual(
    rows.filter(({ kernel }) => kernel !== 'yes'),
    [],
  );
  t.like(
    rows.find(({ destination }) => destination === '10.5.201.0/24'),
    { mode: 'flannel', via: '10.5.201.0', device: 'flannel.1', host: null, pool: 'flannel' },
  );
});

test.serial('policy holds for what comes from hosts of flannel, and what the host itself sends is answered', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const places = { one, two, near: near.place, far: far.place };
  const manifest = `
apiVersion: weir/v1
kind: Policy
metadata: { name: one }
spec: { selector: app == 'host-1', ingress: [{ action: Allow, protocol: TCP, source: { nets: [10.5.201.0/24, "fc00:0:0:201::/64"] }, destination: { ports: [80] } }] }
`;
  await bed.apply(manifest);
  await expectFlows(t, places, {
    'near > one tcp/80': true,
    'near > one tcp/81': false,
    'near > one ping': false,
    'far > one tcp/80': false,
    'two > one tcp/80': false,
    'one > far tcp/80': true,
    'far > two tcp/80': true,
  });
  await bed.delete(manifest);
  await expectFlows(t, places, { 'far > one tcp/80': true });
  t.regex(ip(one.host, 'route', 'get', near.place.ipv4), new RegExp(`dev flannel\\.1 src ${one.ipv4.replace(/2$/, '0')}`));
  execFileSync('nsenter', [`--net=${one.host.namespace}`, 'ping', '-n', '-q', '-c1', '-W2', near.place.ipv4]);
});

test.serial('tunnel packets from a machine that holds no lease are dropped', async (t) => {
  const { host } = one;
  const table = () =>
    execFileSync('nsenter', [`--net=${host.namespace}`, '/usr/sbin/nft', 'list', 'table', 'inet', 'weir'], { encoding: 'utf8' });
  t.regex(table(), /set flannel4 \{[^}]*elements = \{ 192\.0\.2\.12, 192\.0\.2\.101,\s+198\.51\.100\.102 \}/);
  // A stranger that sends in the name of flannel's near container: from the switch, which is no host.
  const stranger = testbed().cluster.folder.namespacePath('switch');
  const inside = (...command: string[]) => execFileSync('nsenter', [`--net=${stranger}`, ...command], { encoding: 'utf8', stdio: 'pipe' });
  const subnet = one.ipv4.replace(/2$/, '0');
  inside('ip', 'link', 'add', 'flannel.1', 'type', 'vxlan', 'id', '1', 'local', '192.0.2.1', 'dstport', '8472', 'nolearning');
  t.teardown(() => inside('ip', 'link', 'del', 'flannel.1'));
  inside('ip', 'address', 'add', `${near.place.ipv4}/32`, 'dev', 'flannel.1');
  inside('ip', 'link', 'set', 'flannel.1', 'up');
  const { mac } = linkOf(host, 'flannel.1');
  inside('ip', 'neighbour', 'replace', subnet, 'lladdr', mac, 'dev', 'flannel.1', 'nud', 'permanent');
  inside('bridge', 'fdb', 'replace', mac, 'dst', host.addresses.ipv4, 'dev', 'flannel.1', 'self', 'permanent');
  inside('ip', 'route', 'add', `${one.ipv4}/32`, 'via', subnet, 'dev', 'flannel.1', 'onlink');
  const heard = () => Number(/icmp type echo-request counter packets (\d+)/.exec(watch('list', 'table', 'inet', 'ear'))![1]);
  const watch = (...command: string[]) =>
    execFileSync('nsenter', [`--net=${one.container.namespace}`, '/usr/sbin/nft', ...command], { encoding: 'utf8' });
  watch('add', 'table', 'inet', 'ear');
  watch('add', 'chain', 'inet', 'ear', 'input', '{ type filter hook input priority 0; }');
  watch('add', 'rule', 'inet', 'ear', 'input', 'icmp', 'type', 'echo-request', 'counter');
  const send = () => {
    try {
      inside('ping', '-n', '-q', '-c1', '-W1', '-I', near.place.ipv4, one.ipv4);
    } catch {
      // The answer goes to the real one.
    }
    return heard();
  };
  t.is(send(), 0);
  // That it would come through otherwise.
  etcd.put(
    `${FLANNEL_PREFIX}/subnets/10.5.99.0-24`,
    '{"PublicIP":"192.0.2.1","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:99:01"}}',
  );
  t.teardown(() => etcd.delete(`${FLANNEL_PREFIX}/subnets/10.5.99.0-24`));
  t.is(await eventually(send, (count) => count > 0), 1);
});

test.serial('an agent that is killed and started again keeps lease and traffic', async (t) => {
  t.timeout(60_000);
  const before = leaseOf(one.host)!;
  await far.place.traffic.stream('kept', { address: one.ipv4, port: 80 });
  await one.host.stopAgent('SIGKILL');
  await one.host.startAgent();
  t.deepEqual(await noReasons(one.host), []);
  const after = await hasLease(one.host, ({ lease }) => lease !== before.lease);
  t.is(after!.name, before.name);
  t.deepEqual(after!.value, before.value);
  const { answered } = await far.place.traffic.streamState('kept');
  const state = await eventually(
    () => far.place.traffic.streamState('kept'),
    (seen) => seen.answered > answered,
  );
  t.is(state.ended, undefined);
  t.true(state.answered > answered);
  t.notRegex(log(one.host).split('agent started').at(-1)!, /repaired/);
});

test.serial('without etcd the network stays, over a restart of the agent too', async (t) => {
  t.timeout(90_000);
  const start = testbed().killEtcd();
  try {
    await one.host.stopAgent('SIGKILL');
    one.host.spawnAgent();
    // The agent waits for the store and touches nothing.
    await delay(2000);
    await expectFlows(t, { one, near: near.place }, { 'near > one tcp/80': true, 'one > near tcp/80': true });
  } finally {
    start();
  }
  const ready = await eventually(
    () => readReadiness(one.host),
    (seen) => seen.ready && seen.reasons.length === 0,
    { limitMs: 30_000 },
  );
  t.deepEqual(ready.reasons, []);
});

test.serial('what somebody undoes by hand is back; interfaces of others are left alone', async (t) => {
  t.timeout(60_000);
  const { host } = one;
  ip(host, 'link', 'add', 'flannel.9', 'type', 'vxlan', 'id', '9', 'dev', 'eth0', 'dstport', '8472', 'nolearning');
  ip(host, 'link', 'set', 'flannel.9', 'up');
  const theirs = ip(host, '-d', 'link', 'show', 'flannel.9');
  ip(host, 'neighbour', 'del', '10.5.201.0', 'dev', 'flannel.1');
  await expectFlows(t, { one, near: near.place }, { 'one > near tcp/80': true });
  ip(host, 'route', 'del', '10.5.201.0/24');
  await expectFlows(t, { one, near: near.place }, { 'one > near tcp/80': true });
  ip(host, 'link', 'del', 'flannel.1');
  await expectFlows(t, { one, near: near.place, far: far.place }, { 'one > near tcp/80': true, 'far > one tcp/80': true });
  t.is(ip(host, '-d', 'link', 'show', 'flannel.9'), theirs);
  ip(host, 'link', 'del', 'flannel.9');
});

test.serial('a lease that goes is taken again; after a compaction of etcd too', async (t) => {
  t.timeout(60_000);
  const { host } = one;
  const before = leaseOf(host)!;
  etcd.revoke(before.lease);
  const after = await hasLease(host, ({ lease }) => lease !== before.lease);
  t.is(after?.name, before.name);
  t.regex(log(host), /this host's flannel lease is gone: it is taken again/);

  await host.stopAgent('SIGKILL');
  etcd.delete(`${FLANNEL_PREFIX}/subnets/${after!.name}`);
  etcd.compact();
  await host.startAgent();
  t.is((await hasLease(host))?.name, before.name);
  await expectFlows(t, { one, near: near.place }, { 'one > near tcp/80': true, 'near > one tcp/80': true });
});

test.serial('a lease that another host took meanwhile is said; new containers have addresses of a new one', async (t) => {
  t.timeout(60_000);
  const { host } = two;
  const before = leaseOf(host)!;
  await host.stopAgent('SIGKILL');
  const stranger = { ...before.value, PublicIP: '192.0.2.77', PublicIPv6: '2001:db8::77' };
  const [BackendData, BackendV6Data] = ['02:00:00:00:77:04', '02:00:00:00:77:06'].map((VtepMAC) => ({ VNI: 1, VtepMAC }));
  etcd.put(`${FLANNEL_PREFIX}/subnets/${before.name}`, JSON.stringify({ ...stranger, BackendData, BackendV6Data }));
  await host.startAgent();
  const after = (await hasLease(host))!;
  t.not(after.name, before.name);
  t.true(await toldLease(host));
  const reasons = await eventually(
    () => flannelReasons(host),
    (found) => found.some((reason) => reason.includes('lost')),
  );
  t.regex(reasons.join('\n'), /1 containers of this host have addresses of 10\.5\.\d+\.0\/26, which is of a lease that it lost/);
  const bed = testbed();
  const third = await bed.launch(host, { app: 'third' }, { name: 'third' });
  t.true(after.name.startsWith(third.ipv4.replace(/\d+$/, '')), `${third.ipv4} is of ${after.name}`);
  syncAll();
  await expectFlows(
    t,
    { third, one, near: near.place },
    { 'near > third tcp/80': true, 'third > near ping': true, 'one > third tcp/80': true },
  );
  await bed.destroy(two);
  two = third;
  etcd.delete(`${FLANNEL_PREFIX}/subnets/${before.name}`);
  t.deepEqual(await noReasons(host), []);
});

/** @returns the names of the VXLAN interfaces there, once they are these */
function hasTunnels(host: LabHost, wanted: string[]): Promise<string> {
  const links = () =>
    (JSON.parse(ip(host, '-j', 'link', 'show', 'type', 'vxlan') || '[]') as { ifname?: string }[]).flatMap(({ ifname }) => ifname ?? []);
  return eventually(
    () => links().toSorted().join(' '),
    (names) => names === wanted.toSorted().join(' '),
  );
}

test.serial('host-gw and DirectRouting: without tunnels, where hosts share a subnet', async (t) => {
  t.timeout(60_000);
  const { host } = one;
  const route = (wanted: RegExp) =>
    eventually(
      () => ip(host, 'route', 'show', '10.5.201.0/24'),
      (text) => wanted.test(text),
    );
  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify({ ...FLANNEL_NETWORK, Backend: { Type: 'vxlan', DirectRouting: true } }));
  t.regex(await route(/via 192/), /via 192\.0\.2\.101 dev eth0 proto 121/);
  t.regex(ip(host, 'route', 'show', '10.5.202.0/24'), /dev flannel\.1/);
  await expectFlows(
    t,
    { one, near: near.place, far: far.place },
    { 'one > near tcp/80': true, 'near > one ping': true, 'one > far tcp/80': true },
  );

  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify({ ...FLANNEL_NETWORK, Backend: { Type: 'host-gw' } }));
  t.is((await hasLease(host, ({ value }) => value.BackendType === 'host-gw'))?.value.BackendData, undefined);
  t.is(await hasTunnels(host, []), '', 'no interface stays where there are no tunnels');
  const reasons = await eventually(
    () => readReadiness(host),
    (seen) => seen.reasons.length > 0,
  );
  t.regex(reasons.reasons.join('\n'), /its lease 10\.5\.201\.0-24&\S+ is of backend "vxlan", the network's is "host-gw"/);

  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify({ ...FLANNEL_NETWORK, Backend: { Type: 'vxlan', VNI: 7 } }));
  await hasTunnels(host, ['flannel.7', 'flannel-v6.7']);
  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify(VXLAN));
  await route(/dev flannel/);
  t.is(await hasTunnels(host, ['flannel.1', 'flannel-v6.1']), 'flannel-v6.1 flannel.1', 'nor one of another VNI');
  await expectFlows(t, { one, far: far.place }, { 'one > far tcp/80': true, 'far > one tcp/80': true });
});

test.serial('a host that leaves takes its entries with it', async (t) => {
  t.timeout(60_000);
  const { host } = one;
  far.leave();
  const left = await eventually(
    () => [ip(host, 'route', 'show', '10.5.202.0/24'), ip(host, 'neighbour', 'show', '10.5.202.0'), fdb(host)].join(''),
    (text) => !text.includes('10.5.202.0') && !text.includes('198.51.100.102'),
  );
  t.notRegex(left, /10\.5\.202\.0|198\.51\.100\.102/);
});

test.serial('subnet.env for flannel’s CNI plugin, which then has the addresses', async (t) => {
  t.timeout(60_000);
  const { host } = two;
  const path = join(testbed().cluster.folder.path, 'flannel', 'subnet.env');
  const config = JSON.parse(readFileSync(host.agentConfig, 'utf8'));
  writeFileSync(host.agentConfig, JSON.stringify({ ...config, flannel: { subnetFile: path } }));
  await host.stopAgent();
  await host.startAgent();
  const waits = await eventually(
    () => flannelReasons(host),
    (reasons) => reasons.length > 0,
  );
  t.regex(waits.join(), /1 of Weir's containers on this host have addresses of its lease: \S+ is written when they are gone/);
  t.false(existsSync(path));
  await testbed().destroy(two);
  await host.stopAgent();
  await host.startAgent();
  await eventually(
    () => existsSync(path),
    (there) => there,
  );
  const [first4, first6] = (await subnetsTold(host)).map((subnet) => subnet.split('/')[0]!);
  t.deepEqual(readFileSync(path, 'utf8').trim().split('\n'), [
    'FLANNEL_NETWORK=10.5.0.0/16',
    `FLANNEL_SUBNET=${first4!.replace(/0$/, '1')}/24`,
    'FLANNEL_IPV6_NETWORK=fc00::/48',
    `FLANNEL_IPV6_SUBNET=${first6}1/64`,
    'FLANNEL_MTU=1430',
    'FLANNEL_IPMASQ=true',
  ]);
  await t.throwsAsync(testbed().launch(host, { app: 'none' }, { name: 'none' }), { message: /has no lease for Weir's containers/ });

  // Canal, with the agent in flanneld's place.
  const bed = testbed();
  for (const name of ['bridge', 'host-local']) symlinkSync(join('/usr/lib/cni', name), join(host.pluginsDir, name));
  writeFileSync(join(host.pluginsDir, 'flannel'), `#!/bin/sh\nexec ${process.execPath} ${FLANNEL_PLUGIN}\n`, { mode: 0o755 });
  const dataDir = join(bed.cluster.folder.path, 'flannel', 'data');
  const plugin = { type: 'flannel', subnetFile: path, dataDir, delegate: { bridge: 'cbr0', isDefaultGateway: true }, ipam: { dataDir } };
  const network = { cniVersion: '1.0.0', name: 'canal', type: 'weir', chain: [plugin, { type: 'weir-policy' }] };
  writeFileSync(join(host.configDir, 'canal.json'), JSON.stringify(network));
  const canal = await bed.launch(host, { app: 'canal' }, { name: 'canal', network: 'canal' });
  t.is(canal.ipv4.replace(/\d+$/, '0'), first4!);
  await expectFlows(
    t,
    { canal, near: near.place, one },
    {
      'near > canal tcp/80': true,
      'canal > near tcp/80': true,
      'canal > near ping': true,
      'canal > one tcp/80': true,
      'one > canal tcp/80': true,
    },
  );
  const closed = `{ apiVersion: weir/v1, kind: Policy, metadata: { name: canal }, spec: { selector: app == 'canal', ingress: [] } }\n`;
  await bed.apply(closed);
  await expectFlows(t, { canal, near: near.place }, { 'near > canal tcp/80': false, 'canal > near tcp/80': true });
  await bed.delete(closed);
  await bed.destroy(canal);

  // Back again: nothing is given while the bridge of the plugin is there.
  writeFileSync(host.agentConfig, JSON.stringify(config));
  await host.stopAgent();
  await host.startAgent();
  const reasons = await eventually(
    () => flannelReasons(host),
    (found) => found.length > 0,
  );
  t.regex(reasons.join(), /interface cbr0 is of flannel's CNI plugin/);
  await t.throwsAsync(bed.launch(host, { app: 'none' }, { name: 'none' }), { message: /has no lease for Weir's containers/ });
  ip(host, 'link', 'del', 'cbr0');
  t.deepEqual(await noReasons(host), []);
  const again = await eventually(
    () => bed.launch(host, { app: 'again' }, { name: 'again' }).catch(() => undefined),
    (launched) => launched !== undefined,
  );
  await expectFlows(t, { again: again!, near: near.place }, { 'near > again tcp/80': true });
  await bed.destroy(again!);
});

test.serial('an agent that is no longer to join takes its interfaces away', async (t) => {
  t.timeout(60_000);
  const { host } = two;
  const { flannel: _, ...config } = JSON.parse(readFileSync(host.agentConfig, 'utf8'));
  writeFileSync(host.agentConfig, JSON.stringify(config));
  await host.stopAgent();
  await host.startAgent();
  t.notRegex(ip(host, '-o', 'link'), /flannel/);
  const told = await eventually(
    () => subnetsTold(host),
    (subnets) => subnets.length === 0,
  );
  t.deepEqual(told, []);
});
