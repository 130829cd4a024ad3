/** STATUS and GC as a runtime makes them, with an agent and without. */
import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import test from 'ava';
import { type CniAnswer, callCni, mesosNetwork } from './testbed/cni-call.ts';
import { POOLS, Testbed } from './testbed/testbed.ts';
import { findTraces, tracesAtRest, tracesOnce } from './testbed/traces.ts';

const testbed = Testbed.share(test, { hosts: 1 });

const SILENT_SUCCESS: CniAnswer = { exitCode: 0, stdout: '', stderr: '', json: undefined };

const NETWORK = { cniVersion: '1.1.0', name: 'weir', type: 'weir' };

function status(tool = 'weir', network: object = NETWORK): Promise<CniAnswer> {
  return callCni({ host: testbed().hosts[0]!, command: 'STATUS', tool, stdin: network });
}

function gc(valid: string[]): Promise<CniAnswer> {
  const list = valid.map((containerID) => ({ containerID, ifname: 'eth0' }));
  const stdin = { ...NETWORK, 'cni.dev/valid-attachments': list, 'cni.dev/attachments': list };
  return callCni({ host: testbed().hosts[0]!, command: 'GC', stdin });
}

function add(containerId: string): Promise<CniAnswer> {
  const namespace = testbed().makeNamespace(containerId);
  return callCni({ host: testbed().hosts[0]!, command: 'ADD', containerId, namespace, stdin: mesosNetwork({}, NETWORK) });
}

function traces(): Promise<string[]> {
  return findTraces(testbed().hosts, testbed().objects);
}

test.serial('STATUS: ready, no pool, and no store', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const [host] = bed.hosts as [(typeof bed.hosts)[0]];
  const ipam = { ...NETWORK, ipam: { type: 'weir-ipam' } };
  for (const tool of ['weir', 'weir-route', 'weir-policy', 'weir-ipam']) t.deepEqual(await status(tool, ipam), SILENT_SUCCESS, tool);
  t.like((await status('weir-ipam', { ...NETWORK, ipam: { pools: ['nope'] } })).json, { cniVersion: '1.1.0', code: 50 });
  await bed.delete(POOLS);
  for (const tool of ['weir', 'weir-route', 'weir-ipam']) {
    const { exitCode, json } = await status(tool, ipam);
    t.like({ exitCode, code: json.code }, { exitCode: 1, code: 50 }, tool);
    t.regex(json.msg, /there is no pool/);
  }
  t.deepEqual(await status('weir-policy'), SILENT_SUCCESS, 'it needs none');
  await bed.apply(POOLS);
  t.deepEqual(await status(), SILENT_SUCCESS);

  await host.stopAgent('SIGKILL');
  t.deepEqual(await status(), SILENT_SUCCESS, 'calls are served without an agent too');
  const path = bed.cluster.storeEnvironment.WEIR_STORE_PATH!;
  renameSync(path, `${path}-away`);
  mkdirSync(path);
  try {
    const { exitCode, json } = await status();
    t.like({ exitCode, code: json.code }, { exitCode: 1, code: 50 });
    t.true(json.msg.includes(path), json.msg);
  } finally {
    rmdirSync(path);
    renameSync(`${path}-away`, path);
  }
  await host.startAgent();
});

test.serial('GC removes addresses, links, routes, rules and endpoints of what is not valid, and leaves the rest as it was', async (t) => {
  t.timeout(60_000);
  const before = await tracesAtRest(testbed().hosts, testbed().objects);
  t.is((await add('stays')).exitCode, 0);
  const one = await traces();
  for (const id of ['goes', 'redis@1:2']) t.is((await add(id)).exitCode, 0);
  t.deepEqual(await gc(['stays']), SILENT_SUCCESS);
  t.deepEqual(await traces(), one, 'all is gone when it answers');
  t.is((await add('goes-too')).exitCode, 0);
  const [host] = testbed().hosts as [ReturnType<typeof testbed>['hosts'][0]];
  await host.stopAgent('SIGKILL');
  t.deepEqual(await gc(['stays']), SILENT_SUCCESS, 'without an agent');
  t.deepEqual(await traces(), one);
  await host.startAgent();
  t.deepEqual(await gc([]), SILENT_SUCCESS);
  t.deepEqual(await traces(), before);
});

test.serial('GC in the midst of ADDs: each ADD succeeds, and is afterwards there whole or not at all', async (t) => {
  t.timeout(60_000);
  const before = await tracesAtRest(testbed().hosts, testbed().objects);
  const ids = Array.from({ length: 12 }, (_, number) => `busy-${number}`);
  let isAdding = true;
  const collecting = (async () => {
    let rounds = 0;
    for (; isAdding; rounds++) t.deepEqual(await gc([]), SILENT_SUCCESS);
    return rounds;
  })();
  const added = await Promise.all(ids.map(add));
  isAdding = false;
  t.true((await collecting) > 0);
  for (const { exitCode, stdout } of added) t.is(exitCode, 0, stdout);
  const now = (await traces()).filter((trace) => !before.includes(trace));
  for (const [id, { json }] of ids.map((id, index) => [id, added[index]!] as const)) {
    const link = json.interfaces[0].name as string;
    const ends = [`: link ${link}`, ` held for ${id}`, `/to_endpoint/${link}`, `: endpoint of ${id} on host-1`];
    const parts = ends.map((end) => now.some((trace) => trace.endsWith(end)));
    t.is(new Set(parts).size, 1, `${id}: ${parts}`);
  }
  t.deepEqual(await gc([]), SILENT_SUCCESS);
  const after = await tracesOnce(before, testbed().hosts, testbed().objects);
  t.deepEqual(after, before);
});
