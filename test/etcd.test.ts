/** The main job on a real etcd, which is killed and started again in between. */
import { cpSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { deleteNamespace } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { hostInterfaceName } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { callCni, mesosNetwork } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { expectFlows } from './testbed/flows.ts';
import { readMetrics, readReadiness } from './testbed/health.ts';
import { ONLY_FRIENDS, SHOP } from './testbed/shop.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { tracesOnHost } from './testbed/traces.ts';

const testbed = Testbed.share(test, { hosts: 2, store: 'etcd' });

/** etcd's clients wait longer after each attempt that failed. */
const RECOVERY_MS = 20_000;

let one: LabHost;
let server: Workload;
let friend: Workload;
let stranger: Workload;

test.serial('ADD, policy, label change: as on the embedded store', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  one = bed.hosts[0]!;
  [server, friend, stranger] = await Promise.all([
    bed.launch(one, { ...SHOP, app: 'server' }, { name: 'server' }),
    bed.launch(bed.hosts[1]!, { ...SHOP, friend: 'yes' }, { name: 'friend' }),
    bed.launch(one, { ...SHOP, friend: 'no' }, { name: 'stranger' }),
  ]);
  const places = { server, friend, stranger };
  await expectFlows(t, places, { 'friend > server tcp/80': true, 'stranger > server tcp/80': true, 'friend > stranger ping': true });
  await bed.apply(ONLY_FRIENDS);
  await expectFlows(t, places, { 'friend > server tcp/80': true, 'stranger > server tcp/80': false, 'stranger > server udp/80': false });
  const endpoint = ['endpoint', `${stranger.containerId}-eth0`, '-n', 'shop', '--overwrite'];
  await bed.mustWeir(['label', ...endpoint, 'friend=yes']);
  await expectFlows(t, places, { 'stranger > server tcp/80': true });
  await bed.mustWeir(['label', ...endpoint, 'friend=no']);
  await expectFlows(t, places, { 'stranger > server tcp/80': false });
});

test.serial(
  'etcd stops answering in the middle of ADDs: what it wrote all the same is not lost, and the retry has one address',
  async (t) => {
    t.timeout(90_000);
    const bed = testbed();
    const ids = Array.from({ length: 6 }, (_, index) => `hangs-${index}`);
    const calls = ids.map((containerId) => ({
      host: one,
      containerId,
      namespace: bed.makeNamespace(containerId),
      stdin: mesosNetwork(SHOP),
    }));
    // Some before, some while, some after their transactions are under way.
    const answers = calls.map(async (call, index) => {
      await delay(index * 3);
      return callCni({ ...call, command: 'ADD' });
    });
    await delay(9);
    const thaw = bed.freezeEtcd();
    const first = await Promise.all(answers).finally(thaw);
    for (const { exitCode, json } of first) if (exitCode !== 0) t.is(json.code, 11, json.msg);
    t.true(
      first.some(({ exitCode }) => exitCode !== 0),
      'etcd was away for some',
    );
    const add = (index: number) => callCni({ ...calls[index]!, command: 'ADD' });
    const retry = (index: number) =>
      eventually(
        () => add(index),
        ({ exitCode }) => exitCode === 0,
        { limitMs: RECOVERY_MS },
      );
    const retried = await Promise.all(first.map((answer, index) => (answer.exitCode === 0 ? answer : retry(index))));
    for (const { exitCode, stdout } of retried) t.is(exitCode, 0, stdout);
    const given = retried.map(({ json }) => [json.ip4.ip, json.ip6.ip].map((cidr: string) => cidr.split('/')[0]!));
    t.is(new Set(given.flat()).size, 2 * ids.length, 'none twice');
    const isHeld = await eventually(heldBy, (held) => ids.every((id, index) => held[id]?.sort().join() === given[index]!.sort().join()));
    for (const [index, id] of ids.entries()) t.deepEqual(isHeld[id]?.sort(), given[index]!.sort(), id);
    for (const call of calls) t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
    const left = await eventually(heldBy, (held) => ids.every((id) => held[id] === undefined), { limitMs: RECOVERY_MS });
    t.deepEqual(
      ids.filter((id) => left[id] !== undefined),
      [],
    );
    for (const { namespace } of calls) deleteNamespace(namespace);
  },
);

/** Addresses by the containers that hold them, as the blocks say. */
async function heldBy(): Promise<Record<string, string[]>> {
  const { items } = JSON.parse(await testbed().mustWeir(['get', 'blocks', '-o', 'json'])) as {
    items: { spec: { allocations: Record<string, { containerId?: string }> } }[];
  };
  const held: Record<string, string[]> = {};
  for (const { spec } of items) {
    for (const [address, { containerId = '' }] of Object.entries(spec.allocations))
      held[containerId] = [...(held[containerId] ?? []), address];
  }
  return held;
}

test.serial(
  'etcd is restored from a backup: its policy is in force, and a container that it does not know is cut off and cleared away',
  async (t) => {
    t.timeout(90_000);
    const bed = testbed();
    const backup = `${bed.etcdData}-backup`;
    let start = bed.killEtcd();
    cpSync(bed.etcdData, backup, { recursive: true });
    start();
    await backInStep(t);
    await bed.apply(ONLY_FRIENDS.replace("'yes'", "'no'"));
    const since = await bed.launch(one, { ...SHOP, friend: 'yes' }, { name: 'since' });
    const places = { server, friend, stranger, since };
    await expectFlows(t, places, { 'friend > server tcp/80': false, 'stranger > server tcp/80': true, 'since > stranger ping': true });
    start = bed.killEtcd();
    rmSync(bed.etcdData, { recursive: true });
    cpSync(backup, bed.etcdData, { recursive: true });
    start();
    await backInStep(t);
    await expectFlows(t, places, { 'friend > server tcp/80': true, 'stranger > server tcp/80': false, 'since > stranger ping': false });
    const trace = hostInterfaceName(since.containerId, 'eth0', 'weir');
    const traces = await eventually(
      () => tracesOnHost(one),
      (found) => !found.some((text) => text.includes(trace)),
      { limitMs: 2 * RECOVERY_MS },
    );
    t.deepEqual(
      traces.filter((text) => text.includes(trace)),
      [],
    );
    await bed.destroy(since);
  },
);

test.serial('etcd is killed: what was known stays in force, readiness tells, ADD says to try again, DEL succeeds', async (t) => {
  t.timeout(90_000);
  const bed = testbed();
  const call = { host: one, containerId: 'leaves', namespace: bed.makeNamespace('leaves'), stdin: mesosNetwork(SHOP) };
  t.is((await callCni({ ...call, command: 'ADD' })).exitCode, 0);
  await friend.traffic.stream('held', { address: server.ipv4, port: 80 });
  await stranger.traffic.attempts('forbidden', { address: server.ipv4, port: 80 });
  const lost = await friend.traffic.retransmissions();
  const startEtcd = bed.killEtcd();
  const readiness = await eventually(
    () => readReadiness(one),
    ({ reasons }) => reasons.length > 0,
  );
  t.deepEqual(readiness, { status: 200, ready: true, reasons: ['the store cannot be reached; what was known last is in force'] });
  t.true((await readMetrics(one)).includes('weir_store_connected 0'));
  const [added, deleted, listed] = await Promise.all([
    callCni({ ...call, containerId: 'comes', namespace: bed.makeNamespace('comes'), command: 'ADD' }),
    callCni({ ...call, command: 'DEL' }),
    bed.weir(['get', 'policies', '-A']),
  ]);
  t.like(added, { exitCode: 1, json: { code: 11 } });
  t.regex(added.json.msg, /etcd.*192\.0\.2\.1:2379/);
  t.deepEqual(deleted, { exitCode: 0, stdout: '', stderr: '', json: undefined });
  t.is(listed.status, 3, listed.stderr);
  t.regex(listed.stderr, /192\.0\.2\.1:2379/);
  deleteNamespace(call.namespace);
  const traces = ['leaves', 'comes'].map((id) => hostInterfaceName(id, 'eth0', 'weir'));
  t.deepEqual(
    tracesOnHost(one).filter((trace) => traces.some((name) => trace.includes(name))),
    [],
  );
  await expectFlows(t, { server, friend, stranger }, { 'friend > server tcp/80': true, 'stranger > server tcp/80': false });
  // An agent that starts while etcd is away waits for it, and leaves in force what it finds.
  await one.stopAgent('SIGKILL');
  const started = one.startAgent();
  await delay(1500);
  startEtcd();
  await started;
  await backInStep(t);
  await stillSound(t, lost);
});

test.serial('etcd is back: what was left behind is removed, and changes come through again', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const left = await eventually(
    () => bed.mustWeir(['get', 'endpoints,blocks', '-A', '-o', 'yaml']),
    (objects) => !/leaves|comes/.test(objects),
    { limitMs: RECOVERY_MS },
  );
  t.notRegex(left, /leaves|comes/);
  t.true(left.includes(server.containerId), 'what lives is there');
  await bed.apply(ONLY_FRIENDS.replace("'yes'", "'no'"));
  const places = { server, friend, stranger };
  await expectFlows(t, places, { 'friend > server tcp/80': false, 'stranger > server tcp/80': true });
  const late = await bed.launch(bed.hosts[1]!, { ...SHOP, friend: 'no' }, { name: 'late' });
  await expectFlows(t, { ...places, late }, { 'late > server tcp/80': true });
  for (const workload of [late, stranger, friend, server]) await bed.destroy(workload);
  const endpoints = await bed.mustWeir(['get', 'endpoints', '-A', '-o', 'name']);
  t.is(endpoints.trim(), '');
});

async function backInStep(t: ExecutionContext): Promise<void> {
  for (const host of testbed().hosts) {
    const readiness = await eventually(
      () => readReadiness(host),
      ({ ready, reasons }) => ready && reasons.length === 0,
      { limitMs: RECOVERY_MS },
    );
    t.deepEqual(readiness, { status: 200, ready: true, reasons: [] }, host.name);
  }
}

async function stillSound(t: ExecutionContext, lost: number): Promise<void> {
  const { answered } = await friend.traffic.streamState('held');
  const state = await eventually(
    () => friend.traffic.streamState('held'),
    (later) => later.answered > answered + 5,
  );
  t.true(state.answered > answered + 5);
  t.is(state.ended, undefined);
  t.is(await friend.traffic.retransmissions(), lost);
  t.is((await stranger.traffic.attemptsState('forbidden')).through, 0);
}
