/** Debian's chained plugins (package containernetworking-plugins) in a network of `weir`, each by what it does to packets, links or parameters. */
import { execFileSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sysctl } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { callCni, mesosNetwork } from './testbed/cni-call.ts';
import { Testbed } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

const DEBIAN = '/usr/lib/cni';
const PLUGINS = ['bandwidth', 'firewall', 'host-local', 'portmap', 'ptp', 'sbr', 'tuning'];

const testbed = Testbed.share(test, { hosts: 2 });

test.serial.before('the plugins are in the plugin folder of the first host', () => {
  const [host] = testbed().hosts;
  for (const name of PLUGINS) symlinkSync(join(DEBIAN, name), join(host!.pluginsDir, name));
});

interface Attached {
  namespace: string;
  ipv4: string;
  ipv6: string;
  hostInterface: string;
  inHost: (...command: string[]) => string;
  inContainer: (...command: string[]) => string;
  /** The interfaces of the result, in its order: the host's end, the container's, and what the step added. */
  interfaces: string[];
  /** What CHECK finds; empty when nothing. */
  check: () => Promise<string>;
  del: () => Promise<void>;
}

function runIn(namespace: string, command: string[]): string {
  return execFileSync('nsenter', [`--net=${namespace}`, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Step extends Record<string, unknown> {
  type: string;
}

const ROUTE: Step = { type: 'weir-route', ipam: { type: 'weir-ipam' } };

/** Attaches a container by a chain of interface plugin, weir-policy and often one step more. */
async function attach(
  t: ExecutionContext,
  step: Step | undefined,
  { runtimeConfig = {}, from = ROUTE, more = {}, name = '' } = {},
): Promise<Attached> {
  const bed = testbed();
  const host = bed.hosts[0]!;
  const containerId = name || (step?.type ?? from.type);
  const namespace = bed.makeNamespace(containerId);
  const chain = [from, { type: 'weir-policy' }, ...(step === undefined ? [] : [step])];
  const call = { host, containerId, namespace, stdin: mesosNetwork({ app: containerId }, { chain, runtimeConfig, ...more }) };
  const { exitCode, json, stderr } = await callCni({ ...call, command: 'ADD' });
  t.is(exitCode, 0, JSON.stringify(json) + stderr);
  const [ipv4, ipv6] = json.ips.map(({ address }: { address: string }) => address.split('/')[0]);
  return {
    namespace,
    ipv4,
    ipv6,
    hostInterface: json.interfaces[0].name,
    inHost: (...command) => runIn(host.namespace, command),
    inContainer: (...command) => runIn(namespace, command),
    interfaces: json.interfaces.map(({ name }: { name: string }) => name),
    check: async () => {
      const answer = await callCni({ ...call, command: 'CHECK' });
      t.is(answer.exitCode === 0, answer.stdout === '', answer.stdout);
      return answer.json?.msg ?? '';
    },
    del: async () => {
      const answer = await callCni({ ...call, command: 'DEL' });
      t.is(answer.exitCode, 0, answer.stdout + answer.stderr);
    },
  };
}

test.serial('bandwidth: the rates are queueing disciplines of the link', async (t) => {
  const rate = { ingressRate: 8_000_000, ingressBurst: 8_000_000, egressRate: 16_000_000, egressBurst: 8_000_000 };
  const step = { type: 'bandwidth', capabilities: { bandwidth: true } };
  const { hostInterface, interfaces, inHost, check, del } = await attach(t, step, { runtimeConfig: { bandwidth: rate } });
  t.deepEqual(
    [interfaces.slice(0, 2), interfaces[2]?.slice(0, 3)],
    [[hostInterface, 'eth0'], 'bwp'],
    'the device that it shapes by is in the result',
  );
  t.regex(inHost('tc', 'qdisc', 'show', 'dev', hostInterface), /qdisc tbf .* rate 8Mbit/);
  t.regex(inHost('tc', 'qdisc', 'show'), /qdisc tbf .* dev bwp\w+ .* rate 16Mbit/);
  t.is(await check(), '');
  inHost('tc', 'qdisc', 'replace', 'dev', hostInterface, 'root', 'tbf', 'rate', '1mbit', 'burst', '10kb', 'latency', '25ms');
  t.regex(await check(), /^bandwidth: /);
  await del();
  t.notRegex(inHost('tc', 'qdisc', 'show'), /tbf|bwp/);
});

test.serial('tuning: a parameter of the container', async (t) => {
  const { namespace, check, del } = await attach(t, { type: 'tuning', sysctl: { 'net.ipv4.tcp_keepalive_time': '123' } });
  t.is(sysctl('net.ipv4.tcp_keepalive_time', undefined, { namespace }), '123');
  t.is(await check(), '');
  sysctl('net/ipv4/tcp_keepalive_time', 124, { namespace });
  t.regex(await check(), /^tuning: .*tcp_keepalive_time/);
  await del();
});

test.serial('tuning: a hardware address of its own, which host and policy know', async (t) => {
  const mac = '02:00:5e:00:53:07';
  const dataDir = join(testbed().cluster.folder.path, 'tuning');
  const { namespace, ipv4, ipv6, hostInterface, inHost, inContainer, check, del } = await attach(
    t,
    { type: 'tuning', mac, dataDir },
    { name: 'tuned' },
  );
  t.true(inContainer('ip', 'link', 'show', 'eth0').includes(mac));
  for (const address of [ipv4, ipv6])
    t.regex(inHost('ip', 'neighbour', 'show', address, 'dev', hostInterface), new RegExp(`lladdr ${mac} PERMANENT`));
  const [inside, host] = [new Traffic('tuned', namespace), new Traffic('host', testbed().hosts[0]!.namespace)];
  t.teardown(() => Promise.all([inside.close(), host.close()]));
  await Promise.all([inside.listen({ tcp: [80] }), host.listen({ tcp: [8080] })]);
  const { addresses } = testbed().hosts[0]!;
  for (const [own, hosts] of [
    [ipv4, addresses.ipv4],
    [ipv6, addresses.ipv6],
  ] as const) {
    t.true(await host.tcp({ address: own, port: 80, timeoutMs: 5000 }), own);
    t.true(await inside.tcp({ address: hosts, port: 8080, timeoutMs: 5000 }), hosts);
  }
  t.is(await check(), '');
  await del();
});

test.serial('firewall: its rules let the container through, and go with it', async (t) => {
  const { ipv4, ipv6, inHost, check, del } = await attach(t, { type: 'firewall', backend: 'iptables' });
  t.true(inHost('iptables', '-S', 'CNI-FORWARD').includes(`-d ${ipv4}/32`));
  t.true(inHost('ip6tables', '-S', 'CNI-FORWARD').includes(`-d ${ipv6}/128`));
  t.is(await check(), '');
  inHost('iptables', '-F', 'CNI-FORWARD');
  t.regex(await check(), /^firewall: /);
  await del();
  t.false(inHost('iptables', '-S', 'CNI-FORWARD').includes(ipv4));
  t.false(inHost('ip6tables', '-S', 'CNI-FORWARD').includes(ipv6));
});

test.serial('portmap: maps in place of weir-policy when it declares the capability', async (t) => {
  const bed = testbed();
  const [one, two] = bed.hosts;
  const runtimeConfig = { portMappings: [{ hostPort: 31090, containerPort: 80, protocol: 'tcp' }] };
  // CHECK of portmap 1.1.1 looks for IPv4's rules among those of IPv6, and finds none.
  const more = { disableCheck: true };
  const { namespace, inHost, check, del } = await attach(
    t,
    { type: 'portmap', capabilities: { portMappings: true } },
    { runtimeConfig, more },
  );
  const [inside, outside] = [new Traffic('portmap', namespace), new Traffic(two!.name, two!.namespace)];
  t.teardown(() => Promise.all([inside.close(), outside.close()]));
  await inside.listen({ tcp: [80] });
  const reach = (timeoutMs: number) => outside.tcp({ address: one!.addresses.ipv4, port: 31090, timeoutMs });
  t.true(await reach(5000));
  t.true(inHost('iptables', '-t', 'nat', '-S').includes('--dport 31090'));
  t.false(inHost('/usr/sbin/nft', 'list', 'table', 'inet', 'weir').includes('31090'));
  t.is(await check(), '');
  await del();
  t.false(await reach(500));
  t.false(inHost('iptables', '-t', 'nat', '-S').includes('31090'));
});

/** Over IPv4, with host-local. */
function ptp(): Step {
  const dataDir = join(testbed().cluster.folder.path, 'host-local');
  return { type: 'ptp', ipam: { type: 'host-local', subnet: '10.78.0.0/24', dataDir, routes: [{ dst: '0.0.0.0/0' }] } };
}

test.serial('sbr: the routes of an interface that ptp made are in a table that its source address selects', async (t) => {
  // Not over weir-route: sbr wants a gateway of the interface's own net.
  const { ipv4, inContainer, del } = await attach(t, { type: 'sbr' }, { from: ptp() });
  t.regex(inContainer('ip', 'rule'), new RegExp(`from ${ipv4} lookup 100`));
  t.regex(inContainer('ip', 'route', 'show', 'table', '100'), /default via 10\.78\.0\.1 dev eth0/);
  t.notRegex(inContainer('ip', 'route'), /default/);
  await del();
  t.false(inContainer('ip', 'rule').includes(ipv4));
});

test.serial('weir-policy maps ports of the host to an interface that ptp made, too', async (t) => {
  const [one, two] = testbed().hosts;
  const runtimeConfig = { portMappings: [{ hostPort: 31091, containerPort: 80 }] };
  const { namespace, del } = await attach(t, undefined, { from: ptp(), runtimeConfig });
  const inside = new Traffic('ptp', namespace);
  const [near, outside] = [one!, two!].map((host) => new Traffic(host.name, host.namespace));
  t.teardown(() => Promise.all([inside.close(), near!.close(), outside!.close()]));
  await inside.listen({ tcp: [80] });
  const reach = (timeoutMs: number) =>
    Promise.all([
      outside!.tcp({ address: one!.addresses.ipv4, port: 31091, timeoutMs }),
      near!.tcp({ address: one!.addresses.ipv4, port: 31091, timeoutMs }),
      near!.tcp({ address: '127.0.0.1', port: 31091, timeoutMs }),
      inside.tcp({ address: one!.addresses.ipv4, port: 31091, timeoutMs }),
    ]);
  t.deepEqual(await reach(5000), [true, true, true, true]);
  await del();
  t.deepEqual(await reach(500), [false, false, false, false]);
});

test('the plugins are there', (t) => {
  for (const name of PLUGINS) t.true(existsSync(join(DEBIAN, name)), name);
});
