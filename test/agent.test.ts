/** What an agent's death, absence and return do to traffic: nothing that policy allows is cut, nothing that it forbids gets through. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { deleteNamespace, Netlink, Nftables, openNamespace } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import test from 'ava';
import { callCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { readHealth, readMetrics, readReadiness } from './testbed/health.ts';
import { ONLY_FRIENDS, SHOP } from './testbed/shop.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { findTraces, tracesAtRest, tracesOnce } from './testbed/traces.ts';
import type { StreamState } from './testbed/traffic.ts';

const testbed = Testbed.share(test, { hosts: 2 });

const PORT = 80;
/** Longer than any wait for an answer here, and than TCP's first retransmissions. */
const SILENCE_MS = 800;

let one: LabHost;
let two: LabHost;
let server: Workload;
let friend: Workload;
let stranger: Workload;

test.serial.before(async () => {
  const bed = testbed();
  [one, two] = bed.hosts as [LabHost, LabHost];
  [server, friend, stranger] = await Promise.all([
    bed.launch(one, { ...SHOP, app: 'server' }, { name: 'server' }),
    bed.launch(two, { ...SHOP, friend: 'yes' }, { name: 'friend' }),
    bed.launch(two, { ...SHOP, friend: 'no' }, { name: 'stranger' }),
  ]);
});

/** Waits until more answers have come than there were: the connection lives. */
async function goesOn(workload: Workload, stream: string): Promise<StreamState> {
  const before = await workload.traffic.streamState(stream);
  return eventually(
    () => workload.traffic.streamState(stream),
    ({ answered }) => answered > before.answered + 5,
  );
}

test.serial('a policy that changed while the agent was away is in force when it says that it is ready', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await friend.traffic.stream('loses its permission', { address: server.ipv4, port: PORT });
  await one.stopAgent('SIGKILL');
  await bed.apply(ONLY_FRIENDS.replace("friend == 'yes'", "friend == 'no'"));
  // Nobody is there to bring it in force: what was known last goes on.
  t.is((await goesOn(friend, 'loses its permission')).ended, undefined);
  t.true(await friend.traffic.tcp({ address: server.ipv4, port: PORT }));
  await one.startAgent();
  const { answered } = await friend.traffic.streamState('loses its permission');
  const [denied, allowed] = await Promise.all([
    friend.traffic.tcp({ address: server.ipv4, port: PORT }),
    stranger.traffic.tcp({ address: server.ipv4, port: PORT, timeoutMs: 3000 }),
  ]);
  t.false(denied, 'no longer allowed');
  t.true(allowed, 'newly allowed');
  await delay(SILENCE_MS);
  const after = await friend.traffic.streamState('loses its permission');
  t.true(after.answered - answered <= 1, `${after.answered - answered} more answers on a connection that lost its permission`);
  await bed.delete(ONLY_FRIENDS);
});

/** The server's ports as each of them may be reached. */
const opened = (rules: string[]) => `
apiVersion: weir/v1
kind: Policy
metadata: { name: server, namespace: shop }
spec: { selector: app == 'server', ingress: [${rules.join(', ')}] }
`;
const port = (number: number, source = '') => `{ action: Allow, protocol: TCP${source}, destination: { ports: [${number}] } }`;
const FRIENDS = ", source: { selector: friend == 'yes' }";

test.serial(
  'of established flows those are cut that lost their permission and no others, also if they lost it while no agent ran',
  async (t) => {
    t.timeout(60_000);
    const bed = testbed();
    const flows = { friend, stranger };
    type Who = keyof typeof flows;
    const all = (['friend', 'stranger'] as const).flatMap((who) =>
      [80, 81].flatMap((number) => [`${who} ipv4 ${number}`, `${who} ipv6 ${number}`]),
    );
    const workloadOf = (name: string) => flows[name.split(' ')[0] as Who];
    const areCut = async (cut: string[]) => {
      const isSilent = async (name: string) => {
        const { traffic } = workloadOf(name);
        const { answered } = await traffic.streamState(name);
        await delay(SILENCE_MS);
        return (await traffic.streamState(name)).answered === answered;
      };
      const silent = await Promise.all(cut.map((name) => eventually(() => isSilent(name), Boolean)));
      t.deepEqual(
        cut.filter((_, at) => !silent[at]),
        [],
        'all of these are cut',
      );
      for (const name of all.filter((one) => !cut.includes(one))) t.is((await goesOn(workloadOf(name), name)).ended, undefined, name);
    };

    await bed.apply(opened([port(80), port(81)]));
    for (const name of all) {
      const [, family, number] = name.split(' ') as [string, 'ipv4' | 'ipv6', string];
      await workloadOf(name).traffic.stream(name, { address: server[family], port: Number(number) });
    }
    await areCut([]);
    await bed.apply(opened([port(80, FRIENDS), port(81)]));
    const ofStranger = ['stranger ipv4 80', 'stranger ipv6 80'];
    await areCut(ofStranger);

    await one.stopAgent('SIGKILL');
    await bed.apply(opened([port(80, FRIENDS)]));
    await areCut(ofStranger);
    await one.startAgent();
    await areCut(all.filter((name) => !name.startsWith('friend') || name.endsWith('81')));
    await bed.delete(opened([]));
  },
);

test.serial('somebody flushes the ruleset: policy is back within a second or so, and nothing allowed is cut', async (t) => {
  const bed = testbed();
  await bed.apply(ONLY_FRIENDS);
  const reachesServer = () => stranger.traffic.tcp({ address: server.ipv4, port: PORT, timeoutMs: 300 });
  t.false(await eventually(reachesServer, (through) => !through));
  await friend.traffic.stream('through the flush', { address: server.ipv4, port: PORT });
  using nftables = Nftables.open({ namespace: one.namespace });
  nftables.run('flush ruleset');
  const closed = () => nftables.list('inet weir') !== undefined;
  t.true(await eventually(closed, (isBack) => isBack), 'the table is back');
  t.false(await eventually(reachesServer, (through) => !through), 'and policy with it');
  t.is((await goesOn(friend, 'through the flush')).ended, undefined);
  await bed.delete(ONLY_FRIENDS);
  // The next test compares what is there before and after.
  t.true(await eventually(reachesServer, (through) => through), 'open again');
});

test.serial('a DEL while the agent is away takes everything off, and the agent that comes back finds nothing to do', async (t) => {
  const bed = testbed();
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const workload = await bed.launch(one, { 'weir/namespace': 'shop' }, { name: 'short-lived' });
  t.not((await findTraces(bed.hosts, bed.objects)).length, before.length);
  await one.stopAgent('SIGKILL');
  await bed.destroy(workload);
  t.deepEqual(await findTraces(bed.hosts, bed.objects), before);
  await one.startAgent();
  t.deepEqual(await findTraces(bed.hosts, bed.objects), before);
});

test.serial('what was left behind while the agent was away is collected when it comes back', async (t) => {
  const bed = testbed();
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const namespace = bed.makeNamespace('dies');
  t.is((await callCni({ host: one, command: 'ADD', containerId: 'dies', namespace })).exitCode, 0);
  await one.stopAgent('SIGKILL');
  // The container ends and nobody says DEL; and a link is left that looks like one of a half-done ADD.
  deleteNamespace(namespace);
  using netlink = Netlink.open({ namespace: one.namespace });
  using peer = openNamespace(bed.makeNamespace('half-done'));
  netlink.addVeth({ name: 'weirhalfdone', peer: { name: 'eth0', namespace: peer } });
  const isGone = await eventually(
    () => !netlink.links().some(({ name }) => name.startsWith('weir') && name !== 'weirhalfdone' && name !== server.hostInterface),
    Boolean,
  );
  t.true(isGone, 'the kernel has removed the interface with its namespace');
  await one.startAgent();
  const after = await tracesOnce(before, bed.hosts, bed.objects);
  t.deepEqual(after, before);
});

test.serial('/healthz, /readyz and /metrics', async (t) => {
  t.like(await readHealth(one, '/healthz'), { status: 200, body: 'ok' });
  t.is((await readHealth(one, '/other')).status, 404);
  t.deepEqual(await readReadiness(one), { status: 200, ready: true, reasons: [] });
  const lines = await readMetrics(one);
  for (const line of [
    'weir_endpoints 1',
    'weir_store_connected 1',
    'weir_invalid_objects 0',
    'weir_routes_failed 0',
    'weir_dataplane_failures_total 0',
  ])
    t.true(lines.includes(line), line);
  for (const name of ['weir_cni_duration_seconds', 'weir_dataplane_apply_seconds', 'weir_flows_cut_total', 'weir_orphans_removed_total']) {
    t.true(
      lines.some((line) => line.startsWith(`# HELP ${name} `)),
      name,
    );
    t.true(
      lines.some((line) => line.startsWith(`# TYPE ${name} `)),
      name,
    );
  }
  t.true(lines.includes('weir_orphans_removed_total{kind="link"} 1'), 'of the test before');
});

test.serial('an agent whose port another process has ends and says so, and touches nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-second-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'agent.yaml'); // the store and the port of the agent that runs
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(one.agentConfig, 'utf8')), host: 'another', runDir: folder }));
  const agent = testbed().startWeir(['agent', '--config', config]);
  t.teardown(() => agent.kill('SIGKILL'));
  agent.stdout!.resume();
  const [said, [status]] = await Promise.all([text(agent.stderr!), once(agent, 'exit')]);
  t.is(status, 2);
  t.regex(said, /^error: http: cannot listen on 127\.0\.0\.1:\d+: another process has it\n {2}end that process, or give another/);
  t.deepEqual(readdirSync(folder).sort(), ['agent.yaml', 'host.lock']);
});

test.serial('a policy in the store that is not valid: whom it may be for is closed, the metrics tell, and apply repairs it', async (t) => {
  const bed = testbed();
  await bed.apply(ONLY_FRIENDS);
  const through = () => stranger.traffic.tcp({ address: server.ipv4, port: PORT });
  t.false(await eventually(through, (passed) => !passed));
  await bed.putRaw('/weir/v1/Policy/shop/friends', '{"kind": "Policy", "spec": {"ingres": []}}');
  const invalid = async () => (await readMetrics(one)).includes('weir_invalid_objects 1');
  t.true(await eventually(invalid, Boolean));
  const friendly = () => friend.traffic.tcp({ address: server.ipv4, port: PORT });
  t.false(await eventually(friendly, (passed) => !passed), 'its selector cannot be read, so all of its namespace are meant');
  t.false(await through());
  await bed.apply(ONLY_FRIENDS);
  t.true(await eventually(async () => !(await invalid()), Boolean));
  t.true(await eventually(friendly, Boolean));
  await bed.delete(ONLY_FRIENDS);
  t.true(await eventually(through, Boolean));
});

test.serial(
  'while the store takes no writes: ADD says to try again, DEL succeeds, policy stays; after that, everything is removed',
  async (t) => {
    t.timeout(60_000);
    const bed = testbed();
    await bed.apply(ONLY_FRIENDS);
    const through = () => stranger.traffic.tcp({ address: server.ipv4, port: PORT });
    t.false(await eventually(through, (passed) => !passed));
    const before = await tracesAtRest(bed.hosts, bed.objects);
    const namespace = bed.makeNamespace('known');
    t.is((await callCni({ host: one, command: 'ADD', containerId: 'known', namespace })).exitCode, 0);
    const other = bed.makeNamespace('other');
    const lock = new DatabaseSync(bed.cluster.storeEnvironment.WEIR_STORE_PATH!);
    lock.exec('BEGIN IMMEDIATE');
    try {
      const [added, deleted] = await Promise.all([
        callCni({ host: one, command: 'ADD', containerId: 'other', namespace: other }),
        callCni({ host: one, command: 'DEL', containerId: 'known', namespace }),
      ]);
      t.like(added, { exitCode: 1, json: { code: 11 } });
      t.regex(added.json.msg, /weir\.db.*locked/);
      t.is(deleted.exitCode, 0, deleted.stdout);
      t.false(await through());
      t.true(await friend.traffic.tcp({ address: server.ipv4, port: PORT }));
      using netlink = Netlink.open({ namespace: one.namespace });
      t.deepEqual(
        netlink
          .links()
          .filter(({ name }) => name.startsWith('weir'))
          .map(({ name }) => name),
        [server.hostInterface],
      );
    } finally {
      lock.exec('ROLLBACK');
      lock.close();
    }
    const after = await tracesOnce(before, bed.hosts, bed.objects, { limitMs: 15_000 });
    t.deepEqual(after, before);
    t.is((await callCni({ host: one, command: 'ADD', containerId: 'other', namespace: other })).exitCode, 0, 'the same ADD, tried again');
    t.is((await callCni({ host: one, command: 'DEL', containerId: 'other', namespace: other })).exitCode, 0);
    await bed.delete(ONLY_FRIENDS);
  },
);
