/** Policy over interfaces that other plugins made: Debian's `bridge` and `ptp` with `host-local`, and flannel's way of using them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Netlink, sysctl } from '@weir/kernel';
import { PacketSocket } from '@weir/kernel/testing';
import type { LabHost } from '@weir/lab';
import { endpointName } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { callCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { expectFlows, hostPlace } from './testbed/flows.ts';
import { neighbourSolicitation } from './testbed/neighbour-frame.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

const DEBIAN = '/usr/lib/cni';
const FLANNEL = new URL('./testbed/flannel-double.ts', import.meta.url).pathname;

const testbed = Testbed.share(test, { hosts: 2 });

/** Each network has its own /16 and /48, each host a /24 and a /64 of them, as flannel gives them out. */
const NETWORKS = { bridge: 1, flannel: 2, ptp: 3 } as const;
type NetworkName = keyof typeof NETWORKS;

function subnets(network: NetworkName, host: number): [string, string] {
  return [`10.${100 + NETWORKS[network]}.${host}.0/24`, `fd00:${NETWORKS[network]}:0:${host}::/64`];
}

function dataDir(host: LabHost): string {
  return join(testbed().cluster.folder.path, `others-${host.name}`);
}

/** The step that makes the interface. */
function maker(network: NetworkName, host: LabHost, number: number): object {
  const ranges = subnets(network, number).map((subnet) => [{ subnet }]);
  const ipam = { type: 'host-local', ranges, dataDir: dataDir(host), routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] };
  if (network === 'ptp') return { type: 'ptp', ipam };
  if (network === 'bridge') return { type: 'bridge', bridge: 'cni0', isGateway: true, ipam };
  const subnetFile = join(testbed().cluster.folder.path, `${host.name}.subnet.env`);
  const [ipv4, ipv6] = subnets(network, number);
  const lines = [
    'FLANNEL_NETWORK=10.102.0.0/16',
    `FLANNEL_SUBNET=${ipv4.replace('.0/', '.1/')}`,
    'FLANNEL_IPV6_NETWORK=fd00:2::/48',
    `FLANNEL_IPV6_SUBNET=${ipv6.replace('::/', '::1/')}`,
    'FLANNEL_MTU=1450',
    'FLANNEL_IPMASQ=true',
  ];
  writeFileSync(subnetFile, `${lines.join('\n')}\n`);
  return {
    type: 'flannel',
    subnetFile,
    dataDir: join(dataDir(host), 'flannel'),
    delegate: { bridge: 'cbr0', isDefaultGateway: true },
    ipam: { dataDir: dataDir(host) },
  };
}

test.serial.before('the plugins and networks of both hosts, and routes between their subnets', () => {
  const { hosts } = testbed();
  for (const [index, host] of hosts.entries()) {
    for (const name of ['bridge', 'host-local', 'ptp']) symlinkSync(join(DEBIAN, name), join(host.pluginsDir, name));
    writeFileSync(join(host.pluginsDir, 'flannel'), `#!/bin/sh\nexec ${process.execPath} ${FLANNEL}\n`, { mode: 0o755 });
    // Policy is to have its bridges shown by itself.
    for (const family of ['iptables', 'ip6tables']) sysctl(`net/bridge/bridge-nf-call-${family}`, 0, { namespace: host.namespace });
    const other = hosts[1 - index]!;
    for (const name of Object.keys(NETWORKS) as NetworkName[]) {
      const network = { cniVersion: '1.0.0', name, type: 'weir', chain: [maker(name, host, index + 1), { type: 'weir-policy' }] };
      writeFileSync(join(host.configDir, `${name}.json`), JSON.stringify(network));
      const [ipv4, ipv6] = subnets(name, 2 - index);
      run(host, 'ip', 'route', 'add', ipv4, 'via', other.addresses.ipv4);
      run(host, 'ip', 'route', 'add', ipv6, 'via', other.addresses.ipv6);
    }
  }
});

function run(host: LabHost, ...command: string[]): string {
  return execFileSync('nsenter', [`--net=${host.namespace}`, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function table(host: LabHost): string {
  return run(host, '/usr/sbin/nft', 'list', 'ruleset');
}

interface Tasks {
  server: Workload;
  near: Workload;
  far: Workload;
}

async function launch(network: NetworkName): Promise<Tasks> {
  const bed = testbed();
  const [one, two] = bed.hosts as [LabHost, LabHost];
  const task = (host: LabHost, name: string) =>
    bed.launch(host, { 'weir/namespace': network, app: name === 'server' ? 'server' : 'client', zone: name }, { name, network });
  const [server, near, far] = await Promise.all([task(one, 'server'), task(one, 'near'), task(two, 'far')]);
  return { server, near, far };
}

function policy(network: NetworkName, spec: string): string {
  return `{ apiVersion: weir/v1, kind: Policy, metadata: { name: server, namespace: ${network} }, spec: ${spec} }\n`;
}

for (const network of Object.keys(NETWORKS) as NetworkName[]) {
  test.serial(`${network}: open, closed by policy, cut by a label, and nothing left`, async (t) => {
    t.timeout(90_000);
    const bed = testbed();
    const [one] = bed.hosts as [LabHost, LabHost];
    const tasks = await launch(network);
    const { server, near } = tasks;
    const inHost = new Traffic(one.name, one.namespace);
    t.teardown(() => inHost.close());
    await inHost.listen({ tcp: [9999] });
    const places = { ...tasks, host: hostPlace(one, inHost) };
    await expectFlows(t, places, {
      'near > server tcp/80': true,
      'near > server ping': true,
      'far > server udp/80': true,
      'server > far tcp/80': true,
      'near > host tcp/9999': true,
      'host > near tcp/80': true,
    });
    t.is(network !== 'ptp', table(one).includes('table bridge weir'));

    const guarded = policy(
      network,
      `{ selector: app == 'server', ingress: [{ action: Allow, protocol: TCP, source: { selector: app == 'client' }, destination: { ports: [80] } }] }`,
    );
    await bed.apply(guarded);
    await expectFlows(t, places, {
      'near > server tcp/80': true,
      'far > server tcp/80': true,
      'near > server tcp/81': false,
      'near > server ping': false,
      'far > server udp/80': false,
      'server > near tcp/81': true,
      'host > near tcp/80': true,
    });

    await near.traffic.stream('kept', { address: server.ipv4, port: 80 });
    await near.traffic.stream('kept6', { address: server.ipv6, port: 80 });
    await label(network, near, 'app=stranger');
    await expectFlows(t, places, { 'near > server tcp/80': false, 'far > server tcp/80': true });
    for (const name of ['kept', 'kept6']) {
      const first = await near.traffic.streamState(name);
      await delay(300);
      t.is((await near.traffic.streamState(name)).answered, first.answered, `${name} goes on`);
    }
    await label(network, near, 'app=client');
    await expectFlows(t, places, { 'near > server tcp/80': true });

    await outward(t, network, places);
    await spoofing(t, network, tasks);
    await names(t, near);
    await bed.delete(guarded);

    for (const task of Object.values(tasks)) await bed.destroy(task);
    const left = await eventually(
      () => bed.hosts.map((host) => table(host)).join('\n'),
      (text) => !text.includes('table bridge weir') && !text.includes('veth'),
    );
    t.notRegex(left, /table bridge weir|veth/);
    for (const host of bed.hosts) t.notRegex(run(host, 'ip', '-o', 'link'), /veth/);
    t.notRegex(await bed.mustWeir(['get', 'endpoints', '--all-namespaces']), new RegExp(network));
    for (const host of bed.hosts) t.deepEqual(allocations(host, network), []);
  });
}

/** Egress is asked for too: between ports, to the host, and beyond it. */
async function outward(t: ExecutionContext, network: NetworkName, places: Parameters<typeof expectFlows>[1]): Promise<void> {
  const spec = `{ selector: zone == 'near', types: [Egress], egress: [{ action: Allow, protocol: TCP, destination: { selector: app == 'server' } }] }`;
  const manifest = policy(network, spec).replace('name: server', 'name: outward');
  await testbed().apply(manifest);
  await expectFlows(t, places, {
    'near > server tcp/80': true,
    'near > far tcp/80': false,
    'near > host tcp/9999': false,
    'far > near tcp/80': true,
  });
  await testbed().delete(manifest);
}

/** A container that gives itself ever more names is not in the host's table of neighbours by all of them. */
async function names(t: ExecutionContext, { container, host }: Workload): Promise<void> {
  const socket = PacketSocket.open(container.namespace, 'eth0');
  t.teardown(() => socket.close());
  using inside = Netlink.open({ namespace: container.namespace });
  const mac = inside.link('eth0')!.mac!;
  const asks = inside.routes({ version: 6 }).find(({ destination }) => destination === '::/0')!.via!;
  const NAMES = 200;
  for (let name = 1; name <= NAMES; name++) socket.send(neighbourSolicitation({ mac, source: `fe80::66:${name.toString(16)}`, asks }));
  const known = () => run(host, 'ip', '-6', 'neighbour').split('fe80::66:').length - 1;
  t.true((await eventually(known, (count) => count > 0)) > 0);
  await delay(200);
  t.true(known() < NAMES / 4, `${known()} of ${NAMES}`);
}

/** A container that takes a neighbour's address is heard by nobody, and takes nothing away from it. */
async function spoofing(t: ExecutionContext, network: NetworkName, { server, near, far }: Tasks): Promise<void> {
  const inNear = (...command: string[]) =>
    execFileSync('nsenter', [`--net=${near.container.namespace}`, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const mac = JSON.parse(inNear('ip', '-j', 'link', 'show', 'eth0'))[0].address as string;
  for (const address of [far.ipv4.replace(/\d+$/, '77'), server.ipv4, server.ipv6]) {
    const [version, bits, target] = address.includes(':') ? ['-6', '128', far.ipv6] : ['-4', '32', far.ipv4];
    inNear('ip', 'address', 'add', `${address}/${bits}`, 'dev', 'eth0', ...(bits === '128' ? ['nodad'] : []));
    const [{ gateway }] = JSON.parse(inNear('ip', '-j', version!, 'route', 'show', 'default'));
    t.false(await near.traffic.tcp({ address: target!, port: 80, source: address }), `${address} was believed`);
    if (network !== 'ptp') {
      // To ask for its gateway it tells who it is, or would be.
      inNear('ip', 'neighbour', 'flush', 'dev', 'eth0');
      await near.traffic.tcp({ address: gateway, port: 9999, source: address });
      const known = run(near.host, 'ip', 'neighbour', 'show', address);
      t.false(known.includes(mac), `the host looks for ${address} at its thief: ${known}`);
    }
    inNear('ip', 'address', 'delete', `${address}/${bits}`, 'dev', 'eth0');
  }
  t.true(await far.traffic.tcp({ address: server.ipv4, port: 80 }));
  t.true(await far.traffic.tcp({ address: server.ipv6, port: 80 }));
}

function label(network: NetworkName, { containerId }: Workload, change: string): Promise<string> {
  return testbed().mustWeir(['label', 'endpoint', endpointName(containerId, 'eth0'), '-n', network, change, '--overwrite']);
}

/** What host-local has given out: a file by address. */
function allocations(host: LabHost, network: NetworkName): string[] {
  return readdirSync(join(dataDir(host), network)).filter((name) => isIP(name) !== 0);
}

test.serial(
  'a result of the form of 0.2.0, which names no interface; kill -9 and a flushed ruleset; CHECK; DEL without a namespace',
  async (t) => {
    const bed = testbed();
    const host = bed.hosts[0]!;
    const namespace = bed.makeNamespace('old-form');
    const chain = [maker('bridge', host, 1), { type: 'weir-policy' }];
    const config = (cniVersion: string) => ({ cniVersion, name: 'bridge', type: 'weir', chain });
    const call = { host, containerId: 'old-form', namespace };
    // Of the earlier test: the new one has its name, and none of its settings.
    run(host, 'ip', 'link', 'delete', 'cni0');
    const added = await callCni({ ...call, command: 'ADD', stdin: config('0.2.0') });
    t.is(added.exitCode, 0, added.stdout + added.stderr);
    t.regex(run(host, 'ip', '-d', 'link', 'show', 'cni0'), /nf_call_iptables 1 nf_call_ip6tables 1/);
    t.regex(table(host), /set port \{\s+type ifname\s+comment "[^"]*"\s+elements = \{ "veth\w+" \}/);
    const pinned = (text: string) => text.includes('table bridge weir') && text.includes(`. ${added.json.ip6.ip.split('/')[0]}`);
    await host.stopAgent('SIGKILL');
    await host.startAgent();
    t.true(pinned(table(host)));
    run(host, '/usr/sbin/nft', 'flush', 'ruleset');
    t.true(pinned(await eventually(() => table(host), pinned)));
    const prevResult = { cniVersion: '1.0.0', ips: [{ address: added.json.ip4.ip }, { address: added.json.ip6.ip }] };
    const policyAlone = { cniVersion: '1.0.0', name: 'bridge', type: 'weir-policy', prevResult };
    const checked = await callCni({ ...call, tool: 'weir-policy', command: 'CHECK', stdin: policyAlone });
    t.is(checked.exitCode, 0, checked.stdout + checked.stderr);
    const deleted = await callCni({ host, containerId: 'old-form', command: 'DEL', stdin: config('0.2.0') });
    t.is(deleted.exitCode, 0, deleted.stdout + deleted.stderr);
    t.notRegex(table(host), /table bridge weir/);
  },
);

test.serial('an endpoint whose interface is gone is collected', async (t) => {
  t.timeout(90_000);
  const bed = testbed();
  const host = bed.hosts[0]!;
  const namespace = bed.makeNamespace('lost');
  const stdin = { cniVersion: '1.0.0', name: 'bridge', type: 'weir', chain: [maker('bridge', host, 1), { type: 'weir-policy' }] };
  const added = await callCni({ host, containerId: 'lost', namespace, command: 'ADD', stdin });
  t.is(added.exitCode, 0, added.stdout + added.stderr);
  run(host, 'ip', 'link', 'delete', added.json.interfaces[1].name);
  const left = await eventually(
    () => bed.mustWeir(['get', 'endpoints', '--all-namespaces']),
    (text) => !text.includes('lost'),
    { limitMs: 45_000 },
  );
  t.notRegex(left, /lost/);
  t.notRegex(table(host), /table bridge weir/);
  const deleted = await callCni({ host, containerId: 'lost', namespace, command: 'DEL', stdin });
  t.is(deleted.exitCode, 0, deleted.stdout + deleted.stderr);
});

test.serial('macvlan is refused: its packets pass no interface of the host', async (t) => {
  const bed = testbed();
  const host = bed.hosts[0]!;
  const macvlan = join(host.pluginsDir, 'macvlan');
  symlinkSync(join(DEBIAN, 'macvlan'), macvlan);
  const namespace = bed.makeNamespace('macvlan');
  const master = run(host, 'ip', '-o', '-4', 'route', 'show', 'scope', 'link').match(/dev (\S+) .*src/)![1];
  const ipam = { type: 'host-local', subnet: '10.111.0.0/24', dataDir: dataDir(host) };
  const stdin = { cniVersion: '1.0.0', name: 'flat', type: 'weir', chain: [{ type: 'macvlan', master, ipam }, { type: 'weir-policy' }] };
  const { exitCode, json } = await callCni({ host, containerId: 'macvlan', namespace, command: 'ADD', stdin });
  t.is(exitCode, 1);
  t.regex(json.msg, /eth0 in .* is of kind macvlan/);
  t.is(json.code, 7);
});
