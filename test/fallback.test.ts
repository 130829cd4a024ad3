/** Calls without an agent: the launcher becomes a Node process that does the same; and calls whose agent dies in the middle. */
import { mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { deleteNamespace, fileLock, Netlink, Nftables } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { hostInterfaceName } from '@weir/resources';
import test from 'ava';
import { callCni, mesosNetwork, startCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { expectFlows } from './testbed/flows.ts';
import { ONLY_FRIENDS, SHOP } from './testbed/shop.ts';
import { POOLS, Testbed, type Workload } from './testbed/testbed.ts';
import { findTraces, tracesAtRest, tracesOnce, tracesOnHost } from './testbed/traces.ts';

/** An address that was given back may be given again at once, so that results can be compared. */
const NO_REST = '{ apiVersion: weir/v1, kind: IpamConfig, metadata: { name: default }, spec: { cooldownSeconds: 0 } }';

const testbed = Testbed.share(test, { hosts: 2, manifests: `${POOLS}---\n${NO_REST}` });

let one: LabHost;
let friend: Workload;
let stranger: Workload;

test.serial.before(async () => {
  const bed = testbed();
  const two = bed.hosts[1]!;
  one = bed.hosts[0]!;
  await bed.apply(ONLY_FRIENDS);
  [friend, stranger] = await Promise.all([
    bed.launch(two, { ...SHOP, friend: 'yes' }, { name: 'friend' }),
    bed.launch(two, { ...SHOP, friend: 'no' }, { name: 'stranger' }),
  ]);
});

test.serial('a result has the same form with and without an agent', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const namespace = bed.makeNamespace('form');
  const call = { host: one, containerId: 'form', namespace, stdin: mesosNetwork(SHOP) };
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const byAgent = await callCni({ ...call, command: 'ADD' });
  const attached = await findTraces(bed.hosts, bed.objects);
  t.is((await callCni({ ...call, command: 'DEL' })).stdout, '');
  await tracesOnce(before, bed.hosts, bed.objects);
  await one.stopAgent('SIGKILL');
  const byItself = await callCni({ ...call, command: 'ADD' });
  t.deepEqual({ ...byItself, stdout: '' }, { ...byAgent, stdout: '' });
  t.is(byItself.stdout, byAgent.stdout);
  t.deepEqual(await findTraces(bed.hosts, bed.objects), attached);
  t.deepEqual((await callCni({ ...call, command: 'ADD' })).json.code, 100, 'a second one is refused');
  t.deepEqual(await findTraces(bed.hosts, bed.objects), attached);
  const deleted = await callCni({ ...call, command: 'DEL' });
  t.deepEqual(deleted, { exitCode: 0, stdout: '', stderr: '', json: undefined });
  t.deepEqual(await findTraces(bed.hosts, bed.objects), before, 'all is removed before the process ends');
  await one.startAgent();
});

test.serial(
  'policy is in force for an endpoint that was made without an agent; the agent that starts takes it over and cuts nothing',
  async (t) => {
    t.timeout(60_000);
    const bed = testbed();
    await one.stopAgent('SIGKILL');
    const server = await bed.launch(one, { ...SHOP, app: 'server' }, { name: 'server' });
    const places = { server, friend, stranger };
    await expectFlows(t, places, { 'friend > server tcp/80': true, 'stranger > server tcp/80': false, 'stranger > server ping': false });
    await friend.traffic.stream('held', { address: server.ipv4, port: 80 });
    await stranger.traffic.attempts('forbidden', { address: server.ipv6, port: 80 });
    const lost = await friend.traffic.retransmissions();
    await one.startAgent();
    const { answered } = await friend.traffic.streamState('held');
    const later = await eventually(
      () => friend.traffic.streamState('held'),
      (state) => state.answered > answered + 5,
    );
    t.true(later.answered > answered + 5 && later.ended === undefined);
    t.is(await friend.traffic.retransmissions(), lost);
    t.is((await stranger.traffic.attemptsState('forbidden')).through, 0);
    // Taken over: the agent changes what the process made, and removes it.
    await bed.apply(ONLY_FRIENDS.replace("'yes'", "'no'"));
    await expectFlows(t, places, { 'friend > server tcp/80': false, 'stranger > server tcp/80': true });
    await bed.apply(ONLY_FRIENDS);
    await bed.destroy(server);
    const left = await eventually(
      () => findTraces([one], bed.objects),
      (traces) => !traces.some((trace) => trace.includes(server.containerId) || trace.includes(server.hostInterface)),
    );
    t.deepEqual(
      left.filter((trace) => trace.includes(server.containerId) || trace.includes(server.hostInterface)),
      [],
    );
  },
);

test.serial('an agent that is killed in mid-ADD: the retry, DEL and ADD, ends with exactly one endpoint', async (t) => {
  t.timeout(90_000);
  const bed = testbed();
  const containerId = 'killed';
  const hostInterface = hostInterfaceName(containerId, 'eth0', 'weir');
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const namespace = bed.makeNamespace(containerId);
  const call = { host: one, containerId, namespace, stdin: mesosNetwork(SHOP) };
  for (const milliseconds of [0, 2, 4, 7, 11, 16]) {
    const { answer } = startCni({ ...call, command: 'ADD' });
    await delay(milliseconds);
    await one.stopAgent('SIGKILL');
    const first = await answer;
    t.true(first.exitCode === 0 || typeof first.json?.code === 'number', first.stdout);
    t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
    await one.startAgent();
    t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
    const again = await callCni({ ...call, command: 'ADD' });
    t.is(again.exitCode, 0, again.stdout);
    const now = (await findTraces(bed.hosts, bed.objects)).filter((trace) => !before.includes(trace));
    t.is(now.filter((trace) => trace === `store: endpoint of ${containerId} on host-1`).length, 1, `killed after ${milliseconds} ms`);
    t.is(now.filter((trace) => trace.includes(' held for ')).length, 2, 'one address of each family');
    t.deepEqual(
      now.filter((trace) => trace.includes(': link ')),
      [`host-1: link ${hostInterface}`],
    );
    t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
    const after = await tracesOnce(before, bed.hosts, bed.objects);
    t.deepEqual(after, before, `killed after ${milliseconds} ms`);
  }
});

test.serial('neither agent nor store: ADD says to try again, DEL succeeds; the agent removes the rest when both are back', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const namespace = bed.makeNamespace('alone');
  const call = { host: one, containerId: 'alone', namespace, stdin: mesosNetwork(SHOP) };
  t.is((await callCni({ ...call, command: 'ADD' })).exitCode, 0);
  await one.stopAgent('SIGKILL');
  const path = bed.cluster.storeEnvironment.WEIR_STORE_PATH!;
  // A folder in its place: nobody makes a new store there, and those who have the old one open go on with it.
  renameSync(path, `${path}-away`);
  mkdirSync(path);
  try {
    const [added, deleted, unknown] = await Promise.all([
      callCni({ ...call, containerId: 'other', command: 'ADD' }),
      callCni({ ...call, command: 'DEL' }),
      callCni({ ...call, containerId: 'never', namespace: undefined, command: 'DEL' }),
    ]);
    t.like(added, { exitCode: 1, json: { code: 11 } });
    t.true(added.json.msg.includes(path), added.json.msg);
    t.is(deleted.exitCode, 0, deleted.stdout);
    t.is(unknown.exitCode, 0, unknown.stdout);
  } finally {
    rmdirSync(path);
    renameSync(`${path}-away`, path);
  }
  // The runtime was told that all is well, so it removes the namespace; what DEL could not do is left to the agent.
  deleteNamespace(namespace);
  t.true(
    await eventually(
      () => !tracesOnHost(one).some((trace) => trace.includes(`link ${hostInterfaceName('alone', 'eth0', 'weir')}`)),
      Boolean,
    ),
  );
  await one.startAgent();
  const after = await tracesOnce(before, bed.hosts, bed.objects);
  t.deepEqual(after, before);
});

test.serial('CHECK without an agent names what drifted, each time, and mends nothing', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const namespace = bed.makeNamespace('drifts');
  const call = { host: one, containerId: 'drifts', namespace };
  const added = await callCni({ ...call, command: 'ADD', stdin: mesosNetwork(SHOP) });
  await one.stopAgent('SIGKILL');
  const check = { ...call, command: 'CHECK', stdin: mesosNetwork(SHOP, { cniVersion: '1.0.0', prevResult: added.json }) } as const;
  const sound = { exitCode: 0, stdout: '', stderr: '', json: undefined };
  t.deepEqual(await callCni(check), sound);

  const link = hostInterfaceName('drifts', 'eth0', 'weir');
  const address = (added.json.ip4.ip as string).split('/')[0]!;
  using nftables = Nftables.open({ namespace: one.namespace });
  using netlink = Netlink.open({ namespace: one.namespace });
  nftables.run(`delete element inet weir to_endpoint { ${link} }`);
  netlink.deleteRoute({ destination: `${address}/32`, link: netlink.indexOf(link) });
  const drifted = tracesOnHost(one);
  for (const round of ['first', 'second']) {
    const { json } = await callCni(check);
    t.is(json?.code, 106, round);
    t.regex(json.msg, new RegExp(`element/to_endpoint/${link} is missing`), round);
    t.regex(json.msg, new RegExp(`route.*${address.replaceAll('.', '\\.')}`), round);
    t.deepEqual(tracesOnHost(one), drifted, round);
  }
  nftables.run('delete table inet weir');
  t.regex((await callCni(check)).json.msg, /table inet weir: it is gone/);
  await one.startAgent();
  t.deepEqual(
    await eventually(
      () => callCni(check),
      ({ exitCode }) => exitCode === 0,
    ),
    sound,
    'the agent mends it',
  );
  t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
});

test.serial('a call without an agent ends in time, whatever it waits for: one to try again, and DEL well', async (t) => {
  const bed = testbed();
  await one.stopAgent('SIGKILL');
  const conf = join(one.pluginsDir, 'weir-launcher.conf');
  const before = readFileSync(conf, 'utf8');
  writeFileSync(conf, `${before.replace(/^timeout=.*\n/m, '')}timeout=8\n`);
  const runDir = dirname(/^socket=(.*)$/m.exec(before)![1]!);
  try {
    // Held as by a call that hangs: whoever comes now waits for longer than it may. One that the alarm ended would have no exit code.
    using _held = await fileLock(join(runDir, 'host.lock'), { wait: 5_000 });
    const namespace = bed.makeNamespace('waits');
    const [added, deleted, rebooted] = await Promise.all([
      callCni({ host: one, containerId: 'waits', namespace, command: 'ADD' }),
      callCni({ host: one, containerId: 'gone', namespace, command: 'DEL' }),
      callCni({ host: one, containerId: 'gone', command: 'DEL' }),
    ]);
    t.like(added, { exitCode: 1, json: { code: 11, msg: 'not done within 8 s, without an agent' } });
    for (const { exitCode, stdout, stderr } of [deleted, rebooted]) {
      t.deepEqual([exitCode, stdout], [0, '']);
      t.regex(stderr, /^weir: DEL left something to the agent: not done within 8 s/);
    }
  } finally {
    writeFileSync(conf, before);
    await one.startAgent();
  }
});
