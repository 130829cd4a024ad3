/** `weir-ipam` under Debian's interface plugins, and `weir-route` over Debian's address plugins: with real links and packets. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { deleteNamespace } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import test, { type ExecutionContext } from 'ava';
import { type CniAnswer, callCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { Testbed } from './testbed/testbed.ts';
import { tracesOnHost } from './testbed/traces.ts';

const DEBIAN = '/usr/lib/cni';
const SUBNETS = [
  { subnet: '10.90.0.0/24', gateway: '10.90.0.1' },
  { subnet: 'fd00:90::/64', gateway: 'fd00:90::1' },
];
const POOLS = `
{ apiVersion: weir/v1, kind: Pool, metadata: { name: lan4 }, spec: { cidr: 10.90.0.0/24, blockSize: 28, routes: None } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: lan6 }, spec: { cidr: "fd00:90::/112", blockSize: 124, routes: None } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: routed4 }, spec: { cidr: 10.94.0.0/24, blockSize: 28 } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: routed6 }, spec: { cidr: "fd00:94::/112", blockSize: 124 } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: storage }, spec: { cidr: 10.97.0.0/24, blockSize: 28 } }
`;
const ROUTED = [
  { subnet: '10.94.0.0/24', gateway: '10.94.0.1' },
  { subnet: 'fd00:94::/64', gateway: 'fd00:94::1' },
];

const testbed = Testbed.share(test, { hosts: 2, manifests: POOLS });

test.serial.before('the plugins are in the plugin folders', () => {
  for (const host of testbed().hosts)
    for (const name of ['bridge', 'host-local', 'macvlan', 'ptp', 'static']) symlinkSync(join(DEBIAN, name), join(host.pluginsDir, name));
});

interface Attached {
  containerId: string;
  namespace: string;
  addresses: string[];
  ping: (address: string) => void;
  inside: (...command: string[]) => string;
  check: () => Promise<CniAnswer>;
  del: () => Promise<CniAnswer>;
}

let launched = 0;

/** @param to a container that gets one more interface */
async function attach(
  t: ExecutionContext,
  host: LabHost,
  network: { type: string; [key: string]: unknown },
  to?: Pick<Attached, 'containerId' | 'namespace'> & { interfaceName: string },
): Promise<Attached> {
  const containerId = to?.containerId ?? `others-${++launched}`;
  const namespace = to?.namespace ?? testbed().makeNamespace(containerId);
  const config = { cniVersion: '1.0.0', name: `net-${network.type}`, ...network };
  const call = (command: 'ADD' | 'CHECK' | 'DEL', stdin: object) =>
    callCni({ host, tool: network.type, command, containerId, interfaceName: to?.interfaceName ?? 'eth0', namespace, stdin });
  const { exitCode, json, stdout, stderr } = await call('ADD', config);
  t.is(exitCode, 0, stdout + stderr);
  const inside = (...command: string[]) => execFileSync('nsenter', [`--net=${namespace}`, ...command], { encoding: 'utf8' });
  return {
    containerId,
    namespace,
    addresses: json.ips.map(({ address }: { address: string }) => address),
    ping: (address) =>
      t.notThrows(() => inside('ping', '-n', '-c', '1', '-w', '4', address.split('/')[0]!), `${containerId} to ${address}`),
    inside,
    check: () => call('CHECK', { ...config, prevResult: json }),
    del: () => call('DEL', { ...config, prevResult: json }),
  };
}

/** CHECK finds it sound, DEL gives everything back. */
async function release(t: ExecutionContext, ...attached: Attached[]): Promise<void> {
  for (const one of attached) {
    const checked = await one.check();
    t.is(checked.exitCode, 0, checked.stdout + checked.stderr);
    const deleted = await one.del();
    t.is(deleted.exitCode, 0, deleted.stdout + deleted.stderr);
  }
  t.deepEqual(await eventually(heldAddresses, (held) => held.length === 0), []);
}

async function heldAddresses(): Promise<string[]> {
  const { objects } = await testbed().objects.list('Block');
  return objects.flatMap(({ object }) => Object.keys(object.spec.allocations));
}

const FAMILIES = { IPv4: ['IPv4'], IPv6: ['IPv6'], 'dual stack': ['IPv4', 'IPv6'] } as const;

for (const [name, families] of Object.entries(FAMILIES)) {
  const expected = families.map((family) => (family === 'IPv4' ? /^10\.90\.0\.\d+\/24$/ : /^fd00:90::[0-9a-f]+\/64$/));
  const gateways = families.map((family) => SUBNETS[family === 'IPv4' ? 0 : 1]!.gateway);
  const ipam = { type: 'weir-ipam', pools: ['lan4', 'lan6'], families, subnets: SUBNETS, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] };
  const routes = ipam.routes.filter(({ dst }) => families.some((family) => (family === 'IPv4') === (dst === '0.0.0.0/0')));

  test.serial(`bridge, ${name}: prefix lengths and gateways of the subnets, which no container gets`, async (t) => {
    const host = testbed().hosts[0]!;
    const network = { type: 'bridge', bridge: `lan${families.join('')}`.slice(0, 15), isGateway: true, ipam: { ...ipam, routes } };
    const [one, two] = [await attach(t, host, network), await attach(t, host, network)];
    for (const { addresses } of [one, two]) {
      t.is(addresses.length, expected.length);
      for (const [index, address] of addresses.entries()) t.regex(address, expected[index]!);
    }
    for (const address of [...two.addresses, ...gateways]) one.ping(address);
    for (const address of one.addresses) t.false([...gateways, '10.90.0.0', 'fd00:90::'].includes(address.split('/')[0]!));
    await release(t, one, two);
    execFileSync('nsenter', [`--net=${host.namespace}`, 'ip', 'link', 'delete', network.bridge]);
  });

  test.serial(`macvlan, ${name}: neighbours on one link`, async (t) => {
    const host = testbed().hosts[0]!;
    const ip = (...command: string[]) => execFileSync('nsenter', [`--net=${host.namespace}`, 'ip', ...command]);
    ip('link', 'add', 'lan0', 'up', 'type', 'veth', 'peer', 'lan1');
    ip('link', 'set', 'lan1', 'up');
    t.teardown(() => ip('link', 'delete', 'lan0'));
    const network = { type: 'macvlan', master: 'lan0', ipam: { ...ipam, routes: [] } };
    const [one, two] = [await attach(t, host, network), await attach(t, host, network)];
    for (const [index, address] of one.addresses.entries()) t.regex(address, expected[index]!);
    for (const address of two.addresses) one.ping(address);
    await release(t, one, two);
  });

  test.serial(`ptp, ${name}: from one host to the other, by Weir's routes`, async (t) => {
    const [here, there] = testbed().hosts as [LabHost, LabHost];
    const network = { type: 'ptp', ipam: { ...ipam, pools: ['routed4', 'routed6'], subnets: ROUTED, routes } };
    const [one, two, far] = [await attach(t, here, network), await attach(t, here, network), await attach(t, there, network)];
    for (const address of [...two.addresses, ...far.addresses]) one.ping(address);
    await release(t, one, two, far);
  });
}

test.serial(
  'a container that has an address of ours alone and dies without a DEL: its address is freed, and that of one that lives is not',
  async (t) => {
    t.timeout(60_000);
    const host = testbed().hosts[0]!;
    const network = { type: 'ptp', ipam: { type: 'weir-ipam', pools: ['routed4'], families: ['IPv4'], subnets: ROUTED.slice(0, 1) } };
    const [dies, lives] = [await attach(t, host, network), await attach(t, host, network)];
    deleteNamespace(dies.namespace);
    // An agent that starts looks at once; one that runs does so every half a minute.
    await host.stopAgent('SIGKILL');
    await host.startAgent();
    const held = await eventually(
      () => heldAddresses(),
      (addresses) => addresses.length === 1,
    );
    t.deepEqual(held, [lives.addresses[0]!.split('/')[0]!]);
    await release(t, lives);
  },
);

test.serial('an address outside of the subnets is refused, and given back', async (t) => {
  const ipam = { type: 'weir-ipam', pools: ['lan4'], families: ['IPv4'], subnets: [{ subnet: '10.99.0.0/24' }] };
  const host = testbed().hosts[0]!;
  const namespace = testbed().makeNamespace('outside');
  const stdin = { cniVersion: '1.0.0', name: 'outside', type: 'bridge', ipam };
  const { exitCode, json } = await callCni({ host, tool: 'bridge', command: 'ADD', containerId: 'outside', namespace, stdin });
  t.is(exitCode, 1);
  t.regex(json.msg, /10\.90\.0\.\d+ is in none of the network's subnets \(10\.99\.0\.0\/24\)/);
});

test.serial('a gateway outside of its subnet is a fault of the configuration', async (t) => {
  const ipam = { type: 'weir-ipam', subnets: [{ subnet: '10.90.0.0/24', gateway: '10.91.0.1' }] };
  const host = testbed().hosts[0]!;
  const namespace = testbed().makeNamespace('gateway');
  const stdin = { cniVersion: '1.0.0', name: 'gateway', type: 'weir-ipam', ipam };
  const { json } = await callCni({ host, tool: 'weir-ipam', command: 'ADD', containerId: 'gateway', namespace, stdin });
  t.is(json.code, 7);
  t.regex(json.msg, /subnets\.0\.gateway.*not in the subnet/);
});

for (const [type, ipam] of Object.entries({
  'host-local': (host: number) => ({ ranges: [[{ subnet: `10.92.${host}.0/24` }], [{ subnet: `fd00:92:0:${host}::/64` }]] }),
  static: (host: number, number: number) => ({
    addresses: [{ address: `10.93.${host}.${number}/24` }, { address: `fd00:93:0:${host}::${number}/64` }],
  }),
})) {
  test.serial(`weir-route over ${type}: every address alone, reached from its host and its neighbour`, async (t) => {
    const host = testbed().hosts[0]!;
    const dataDir = type === 'host-local' ? { dataDir: join(testbed().cluster.folder.path, 'host-local') } : {};
    const network = (number: number) => ({ type: 'weir-route', ipam: { type, ...ipam(1, number), ...dataDir } });
    const [one, two] = [await attach(t, host, network(11)), await attach(t, host, network(12))];
    for (const { addresses } of [one, two]) for (const address of addresses) t.regex(address, /\/(32|128)$/);
    for (const address of two.addresses) {
      one.ping(address);
      t.notThrows(() => execFileSync('nsenter', [`--net=${host.namespace}`, 'ping', '-n', '-c', '1', '-w', '4', address.split('/')[0]!]));
    }
    t.regex(one.inside('ip', 'route'), /default via 169\.254\.1\.1 dev eth0/);
    await release(t, one, two);
    if (dataDir.dataDir !== undefined) {
      for (const { addresses } of [one, two])
        for (const address of addresses) t.false(existsSync(join(dataDir.dataDir, 'net-weir-route', address.split('/')[0]!)));
    }
  });
}

test.serial('two networks of weir-route in one container: one leads everywhere, the other where its IPAM has routes', async (t) => {
  const [here, there] = testbed().hosts as [LabHost, LabHost];
  const network = (name: string, ipam: object) => ({
    type: 'weir',
    name,
    chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam', ...ipam } }, { type: 'weir-policy' }],
  });
  const storage = { pools: ['storage'], routes: [{ dst: '10.97.0.0/24' }] };
  const [first, far, store] = [
    await attach(t, here, network('front', { pools: ['routed4'] })),
    await attach(t, there, network('front', { pools: ['routed4'] })),
    await attach(t, there, network('storage', storage)),
  ];
  const second = await attach(t, here, network('storage', storage), { ...first, interfaceName: 'eth1' });
  const leads = (to: Attached) => first.inside('ip', 'route', 'get', to.addresses[0]!.split('/')[0]!);
  const plain = ({ addresses }: Attached) => addresses[0]!.split('/')[0]!;
  t.true(leads(store).includes(`dev eth1 src ${plain(second)}`));
  t.true(leads(far).includes(`dev eth0 src ${plain(first)}`));
  for (const [one, other] of [
    [first, far],
    [first, store],
    [far, first],
    [store, second],
  ] as const)
    one.ping(plain(other));
  t.is((await first.check()).exitCode, 0);
  const checked = await second.check();
  t.is(checked.exitCode, 0, checked.stdout);
  first.inside('ip', 'route', 'delete', '10.97.0.0/24');
  t.regex((await second.check()).json.msg, /^weir-route: eth1 has lost its route to 10\.97\.0\.0\/24 via 169\.254\.1\.1$/);
  t.is((await second.del()).exitCode, 0);
  first.ping(plain(far));
  await release(t, first, far, store);
});

test.serial('GC of weir-route over host-local, without policy: link, routes and address of what is not valid are gone', async (t) => {
  const host = testbed().hosts[0]!;
  const dataDir = join(testbed().cluster.folder.path, 'host-local-gc');
  // Debian's host-local is older than GC.
  const step = { type: 'weir-route', cniVersion: '1.0.0', ipam: { type: 'host-local', ranges: [[{ subnet: '10.95.0.0/24' }]], dataDir } };
  const network = { type: 'weir', cniVersion: '1.1.0', chain: [step] };
  const [stays, goes] = [await attach(t, host, network), await attach(t, host, network)];
  const links = () => tracesOnHost(host).filter((trace) => / (link|dev) wlnk/.test(trace));
  const [before, mine] = [links(), (one: Attached) => one.addresses[0]!.split('/')[0]!];
  t.is(before.length, 4);
  const valid = [{ containerID: stays.containerId, ifname: 'eth0' }];
  for (const _ of ['once', 'and again']) {
    const stdin = { ...network, name: 'net-weir', 'cni.dev/valid-attachments': valid };
    const { exitCode, stdout, stderr } = await callCni({ host, tool: 'weir', command: 'GC', stdin });
    t.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' });
    t.deepEqual(
      links().filter((trace) => trace.includes('route')),
      before.filter((trace) => trace.includes(`route ${mine(stays)}/32`)),
    );
    t.is(links().length, 2);
  }
  t.deepEqual(
    readdirSync(join(dataDir, 'net-weir')).filter((name) => /^\d+\./.test(name)),
    [mine(stays)],
  );
  t.regex(
    execFileSync('nsenter', [`--net=${host.namespace}`, 'ip', 'link'], { encoding: 'utf8' }),
    new RegExp(`"net-weir","${stays.containerId}"`),
  );
  await release(t, stays);
  t.is((await goes.del()).exitCode, 0);
  t.deepEqual(links(), []);
});
