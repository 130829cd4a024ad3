/** Networks with their own address space: one address in several at once, real packets within each, and none between them or out. */
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { deleteNamespace, Netlink, Nftables } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { hostInterfaceName } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { callCni, mesosNetwork } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { ONLY_FRIENDS } from './testbed/shop.ts';
import { POOLS, Testbed, type Workload } from './testbed/testbed.ts';
import { findTraces, tracesAtRest, tracesOnce } from './testbed/traces.ts';
import { Traffic } from './testbed/traffic.ts';

const NETWORKS = ['weir', 'red', 'blue'];
const PORT = 80;
/** Longer than any wait for an answer here, and than TCP's first retransmissions. */
const SILENCE_MS = 800;

/** The same addresses for all three: those that the shared pools have too. */
const spaceOf = (network: string) => `
---
apiVersion: weir/v1
kind: Network
metadata: { name: ${network} }
spec: { addressSpace: Own }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: ${network}4 }
spec: { network: ${network}, cidr: 10.64.0.0/16, blockSize: 28 }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: ${network}6 }
spec: { network: ${network}, cidr: "fd00:64::/112", blockSize: 124 }
`;

const testbed = Testbed.share(test, {
  hosts: 2,
  manifests: `${POOLS}${spaceOf('red')}${spaceOf('blue')}`,
  networks: NETWORKS.map((name) => ({ cniVersion: '1.0.0', name, type: 'weir' })),
});

let one: LabHost;
let two: LabHost;
/** By network: a server, a friend and a stranger of it, all on the first host, with the same addresses in each. */
const servers: Record<string, Workload> = {};
const friends: Record<string, Workload> = {};
const strangers: Record<string, Workload> = {};
let onHost: Traffic;
let atRest: string[];

test.serial.before('servers, friends and strangers with the same addresses', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  [one, two] = bed.hosts as [LabHost, LabHost];
  onHost = new Traffic(one.name, one.namespace);
  const launch = (network: string, labels: Record<string, string>) =>
    bed.launch(one, { 'weir/namespace': 'shop', ...labels }, { network, name: `${network} ${Object.values(labels)}` });
  for (const network of ['weir', 'red', 'blue']) {
    servers[network] = await launch(network, { app: 'server' });
    // In the other networks the stranger of one has the address of the friend of another.
    const [first, second] = network === 'blue' ? [strangers, friends] : [friends, strangers];
    first[network] = await launch(network, { friend: first === friends ? 'yes' : 'no' });
    second[network] = await launch(network, { friend: second === friends ? 'yes' : 'no' });
    if (network === 'weir') atRest = await tracesAtRest(bed.hosts, bed.objects);
  }
});

test.after.always(() => onHost?.close());

const addressesOf = ({ ipv4, ipv6 }: Workload): string[] => [ipv4, ipv6];

/** Asserts over TCP, UDP, both families, whether the server of the sender's network answers. */
async function expectAnswers(t: ExecutionContext, wanted: [sender: Workload, passes: boolean][], server = servers.red!): Promise<void> {
  const ask = async (sender: Workload) =>
    Promise.all(
      addressesOf(server).flatMap((address) => (['tcp', 'udp'] as const).map((how) => sender.traffic[how]({ address, port: PORT }))),
    );
  for (const [sender, passes] of wanted) {
    const isDone = (answers: boolean[]) => answers.every((answer) => answer === passes);
    t.deepEqual(await eventually(() => ask(sender), isDone), Array(4).fill(passes), sender.name);
  }
}

test.serial('one address is in three networks at once, and each container reaches the one of its own', async (t) => {
  for (const workloads of [servers, { weir: friends.weir!, red: friends.red!, blue: strangers.blue! }]) {
    for (const network of ['red', 'blue']) t.deepEqual(addressesOf(workloads[network]!), addressesOf(workloads.weir!));
  }
  for (const network of ['weir', 'red', 'blue']) {
    const [server, sender] = [servers[network]!, network === 'blue' ? strangers.blue! : friends[network]!];
    const before = await Promise.all(['weir', 'red', 'blue'].map((name) => servers[name]!.traffic.heard()));
    await expectAnswers(t, [[sender, true]]);
    const after = await Promise.all(['weir', 'red', 'blue'].map((name) => servers[name]!.traffic.heard()));
    const hears = (index: number) => after[index]!.length > before[index]!.length;
    t.deepEqual(
      ['weir', 'red', 'blue'].filter((_, index) => hears(index)),
      [network],
      `${sender.name} > ${server.name}`,
    );
  }
});

test.serial('a policy is for the endpoints of each network, among its own peers alone', async (t) => {
  await testbed().apply(ONLY_FRIENDS);
  for (const network of ['weir', 'red', 'blue']) {
    await expectAnswers(t, [
      [strangers[network]!, false],
      [friends[network]!, true],
    ]);
  }
  await testbed().delete(ONLY_FRIENDS);
  for (const network of ['weir', 'red', 'blue']) await expectAnswers(t, [[strangers[network]!, true]]);
});

test.serial('nothing leads from one network to another, to the host, to the other host, or from these into it', async (t) => {
  const bed = testbed();
  const alone = await bed.launch(one, { app: 'alone' }, { network: 'red', name: 'red alone' });
  const far = await bed.launch(two, { app: 'far' }, { network: 'red', name: 'red far' });
  const farShared = await bed.launch(two, { app: 'far' }, { name: 'shared far' });
  const tries = async (traffic: Traffic, addresses: string[]) =>
    Promise.all(
      addresses.flatMap((address) => [
        traffic.tcp({ address, port: PORT }),
        traffic.udp({ address, port: PORT }),
        traffic.ping(address).catch(() => false),
      ]),
    );
  // Nobody has its address in the other networks.
  for (const sender of [servers.blue!.traffic, servers.weir!.traffic, onHost])
    t.false((await tries(sender, addressesOf(alone))).some(Boolean));
  const outside = [
    one.addresses.ipv4,
    one.addresses.ipv6,
    two.addresses.ipv4,
    two.addresses.ipv6,
    ...[far, farShared].flatMap(addressesOf),
  ];
  t.false((await tries(alone.traffic, outside)).some(Boolean));
  t.true(await strangers.red!.traffic.tcp({ address: alone.ipv4, port: PORT }));
  t.deepEqual(await alone.traffic.heard(), []);
  await Promise.all([alone, far, farShared].map((workload) => bed.destroy(workload)));
});

test.serial('a killed agent leaves the networks as they are; the next one takes them up, with policy that came meanwhile', async (t) => {
  t.timeout(60_000);
  const sender = strangers.red!;
  await sender.traffic.stream('through', { address: servers.red!.ipv4, port: PORT });
  await one.stopAgent('SIGKILL');
  await expectAnswers(t, [[sender, true]]);
  await testbed().apply(ONLY_FRIENDS);
  await one.startAgent();
  await expectAnswers(t, [
    [sender, false],
    [friends.red!, true],
    [strangers.blue!, false],
  ]);
  const stream = await sender.traffic.streamState('through');
  await delay(SILENCE_MS);
  t.is((await sender.traffic.streamState('through')).answered, stream.answered, 'the flow that is forbidden now was cut');
  await testbed().delete(ONLY_FRIENDS);
  await expectAnswers(t, [[sender, true]]);
});

test.serial('rules that somebody takes away are put back, and CHECK sees what is not as it was', async (t) => {
  using nftables = Nftables.open({ namespace: join(networksOf(one), 'red') });
  const check = () => callCni(cniCall(servers.red!, 'CHECK'));
  t.is((await check()).stdout, '');
  nftables.run('flush ruleset');
  const rules = await eventually(
    () => nftables.list('inet weir') ?? [],
    (listed) => listed.length > 10,
  );
  t.true(rules.length > 10);
  await expectAnswers(t, [[friends.red!, true]]);
  t.is((await check()).stdout, '');
  using netlink = Netlink.open({ namespace: join(networksOf(one), 'red') });
  netlink.deleteRoute({ destination: `${servers.red!.ipv4}/32` });
  const answer = await check();
  t.not(answer.exitCode, 0);
  t.true(answer.json.msg.includes(servers.red!.ipv4), answer.stdout);
  netlink.addRoute({ destination: `${servers.red!.ipv4}/32`, link: netlink.indexOf(servers.red!.hostInterface), protocol: 121 });
  t.is((await check()).stdout, '');
});

test.serial('a call without an agent does the same', async (t) => {
  await one.stopAgent();
  const bed = testbed();
  const late = await bed.launch(one, { 'weir/namespace': 'shop', friend: 'yes' }, { network: 'red', name: 'red late' });
  await expectAnswers(t, [[late, true]]);
  await bed.destroy(late);
  await one.startAgent();
});

test.serial('what a container that died without DEL, or a reboot, left of a network goes when the agent starts', async (t) => {
  const bed = testbed();
  const namespace = bed.makeNamespace('short-lived');
  const added = await callCni({
    host: one,
    command: 'ADD',
    containerId: 'short-lived',
    namespace,
    stdin: mesosNetwork({}, { name: 'red' }),
  });
  t.is(added.exitCode, 0, added.stdout);
  const address = added.json.ips[0].address.split('/')[0] as string;
  t.true(await friends.red!.traffic.ping(address));
  await one.stopAgent('SIGKILL');
  deleteNamespace(namespace);
  // On a folder that outlives the machine's end, the file of a mount is what is left of it.
  writeFileSync(join(networksOf(one), 'gone'), '');
  await one.startAgent();
  const left = await eventually(
    async () => (await findTraces(bed.hosts, bed.objects)).filter((trace) => trace.includes('short-lived')),
    ({ length }) => length === 0,
  );
  t.deepEqual(left, []);
  t.deepEqual(readdirSync(networksOf(one)).sort(), ['blue', 'red']);
  await expectAnswers(t, [[friends.red!, true]]);
});

test.serial('what does not go with an own address space is refused, with nothing left', async (t) => {
  const bed = testbed();
  const refuse = async (label: string, network: object, message: RegExp) => {
    const namespace = bed.makeNamespace(label);
    const stdin = { ...network, name: 'red' };
    const answer = await callCni({ host: one, command: 'ADD', containerId: label, namespace, stdin });
    t.not(answer.exitCode, 0, label);
    t.regex(answer.json?.msg ?? answer.stdout, message);
    await callCni({ host: one, command: 'DEL', containerId: label, namespace, stdin });
  };
  const policy = { type: 'weir-policy' };
  await refuse(
    'foreign-ipam',
    mesosNetwork({}, { chain: [{ type: 'weir-route', ipam: { type: 'host-local' } }, policy] }),
    /network "red" has its own address space, which host-local gives no addresses of/,
  );
  await refuse(
    'ports',
    mesosNetwork({}, { runtimeConfig: { portMappings: [{ hostPort: 31000, containerPort: 80, protocol: 'tcp' }] } }),
    /the host has no way into a network with its own address space/,
  );
  const overlapping = await bed.weir(['apply', '-f', '-'], spaceOf('red').replaceAll('red4', 'red-again'));
  t.is(overlapping.status, 1);
  t.regex(overlapping.stderr, /pool "red-again" \(10\.64\.0\.0\/16\) overlaps pool "red4"/);
  const poolAlone = spaceOf('green').split('---').slice(2).join('---');
  const unnamed = await bed.weir(['apply', '-f', '-'], poolAlone);
  t.regex(unnamed.stderr, /spec\.network is "green", which there is not: apply a Network of that name with spec\.addressSpace: Own first/);
  const taken = await bed.weir(['delete', 'network', 'red']);
  t.regex(taken.stderr, /network "red": its address space is in use by pool "red4", "red6": delete them first/);
});

test.serial('DEL leaves nothing, the namespace of the network included', async (t) => {
  const bed = testbed();
  for (const network of ['red', 'blue']) {
    for (const workloads of [servers, friends, strangers]) await bed.destroy(workloads[network]!);
  }
  const namespaces = () => readdirSync(networksOf(one));
  t.deepEqual(await eventually(namespaces, ({ length }) => length === 0), []);
  const traces = await tracesOnce(atRest, bed.hosts, bed.objects);
  t.deepEqual(traces, atRest);
  await expectAnswers(t, [[strangers.weir!, true]]);
  await bed.delete(`${spaceOf('red')}${spaceOf('blue')}`);
});

function networksOf(host: LabHost): string {
  return join(dirname(host.agentConfig), 'run', 'networks');
}

function cniCall({ host, containerId, container, ipv4, ipv6 }: Workload, command: 'CHECK'): Parameters<typeof callCni>[0] {
  const prevResult = {
    cniVersion: '1.0.0',
    interfaces: [{ name: hostInterfaceName(containerId, 'eth0', 'weir') }, { name: 'eth0', sandbox: container.namespace }],
    ips: [`${ipv4}/32`, `${ipv6}/128`].map((address) => ({ address, interface: 1 })),
  };
  return { host, command, containerId, namespace: container.namespace, stdin: { ...mesosNetwork({}, { name: 'red' }), prevResult } };
}
