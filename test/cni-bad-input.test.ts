/** What runtimes, operators and accidents do to CNI calls: one clear answer with the right code, nothing left behind, nothing lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '@weir/lab';
import test, { type ExecutionContext } from 'ava';
import { type CniAnswer, type CniCall, callCni, mesosNetwork, startCni } from './testbed/cni-call.ts';
import { readReadiness } from './testbed/health.ts';
import { POOLS, Testbed } from './testbed/testbed.ts';
import { tracesAtRest, tracesInStore, tracesOnce } from './testbed/traces.ts';
import { Traffic } from './testbed/traffic.ts';

const testbed = Testbed.share(test, { hosts: 3, manifests: '' });

let count = 0;

type Container = Omit<CniCall, 'command'> & { containerId: string };

/** A container that waits for its network, on the first host when no other is named. */
function newContainer(containerId = `container-${++count}`, host = testbed().hosts[0]!): Container {
  const namespace = testbed().makeNamespace(`${++count}`);
  return { host, containerId, namespace };
}

async function add(call: Omit<CniCall, 'command'>): Promise<CniAnswer> {
  return callCni({ ...call, command: 'ADD' });
}

async function del(call: Omit<CniCall, 'command'>): Promise<CniAnswer> {
  return callCni({ ...call, command: 'DEL' });
}

const SILENT_SUCCESS: CniAnswer = { exitCode: 0, stdout: '', stderr: '', json: undefined };

/** Fails unless what was there before is all that is there after. */
async function leavesNothing(t: ExecutionContext, act: () => Promise<void>): Promise<void> {
  const { hosts, objects } = testbed();
  const before = await tracesAtRest(hosts, objects);
  await act();
  const after = await tracesOnce(before, hosts, objects);
  t.deepEqual(after, before);
}

/** A failure in the specification's form, which says enough to a person who only sees a failed task. */
function isFailure(t: ExecutionContext, { exitCode, stderr, json }: CniAnswer, code: number, message: RegExp): void {
  t.like({ exitCode, stderr, code: json?.code }, { exitCode: 1, stderr: '', code });
  t.regex(json.msg, message);
}

function addressesOf({ json }: CniAnswer): string[] {
  return (json.ips as { address: string }[]).map(({ address }) => address.split('/')[0]!);
}

test.serial('no pool at all', async (t) => {
  const call = newContainer();
  await leavesNothing(t, async () => {
    const answer = await add(call);
    isFailure(t, answer, 102, /there is no pool to take an address from: create one/);
    t.regex(answer.json.details, /weir apply/);
    t.deepEqual(await del(call), SILENT_SUCCESS);
  });
});

test.serial('an exhausted pool is named, and is of use again when an address comes back', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const [one, two] = bed.hosts;
  await bed.apply('{ apiVersion: weir/v1, kind: Pool, metadata: { name: tiny }, spec: { cidr: 10.65.0.0/29, blockSize: 29 } }');
  await leavesNothing(t, async () => {
    const calls = Array.from({ length: 9 }, () => newContainer());
    const answers = await Promise.all(calls.map(add));
    const given = answers.filter(({ exitCode }) => exitCode === 0);
    const refused = answers.findIndex(({ exitCode }) => exitCode !== 0);
    t.is(given.length, 8);
    t.deepEqual(
      given.flatMap(addressesOf).sort(),
      Array.from({ length: 8 }, (_, number) => `10.65.0.${number}`),
    );
    isFailure(t, answers[refused]!, 101, /\btiny\b/);
    t.true(answers[refused]!.json.msg.includes(calls[refused]!.containerId));
    // Another host finds the pool's only block taken.
    const elsewhere = newContainer(undefined, two);
    isFailure(t, await add(elsewhere), 101, /\btiny\b/);
    t.deepEqual(await del(elsewhere), SILENT_SUCCESS);
    t.deepEqual(await del(calls[(refused + 1) % 9]!), SILENT_SUCCESS);
    // The address is free once its link is gone, which DEL does not wait for, but an ADD with no other address does.
    const again = await add(calls[refused]!);
    t.is(again.exitCode, 0, again.stdout);
    t.deepEqual(addressesOf(again), addressesOf(answers[(refused + 1) % 9]!));
    for (const call of calls) t.deepEqual(await del(call), SILENT_SUCCESS);
  });
  t.is(one!.name, 'host-1');
  await bed.mustWeir(['delete', 'pool', 'tiny']);
  await bed.apply(POOLS);
});

test.serial('standard input that is no network', async (t) => {
  const call = newContainer();
  await leavesNothing(t, async () => {
    for (const [stdin, code, message] of [
      ['', 6, /standard input is empty/],
      ['{"name": "weir",', 6, /standard input is not JSON: .+/],
      ['[1, 2]', 7, /network configuration/],
      ['{"cniVersion": "1.0.0", "type": "weir"}', 7, /name/],
      ['{"cniVersion": "9.9.9", "name": "weir", "type": "weir"}', 1, /"9\.9\.9" is not known/],
      [JSON.stringify(mesosNetwork({}, { chain: 'weir-route' })), 7, /chain/],
      [JSON.stringify(mesosNetwork({ 'weir/namespace': 'No Such Name!' })), 7, /No-Such-Name.*is no namespace/],
    ] as const) {
      isFailure(t, await add({ ...call, stdin }), code, message);
    }
    t.deepEqual(await del(call), SILENT_SUCCESS);
  });
});

test.serial('a chain with a step that nobody knows', async (t) => {
  const stdin = mesosNetwork({}, { chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-polcy' }] });
  const call = { ...newContainer(), stdin };
  await leavesNothing(t, async () => {
    isFailure(t, await add(call), 5, /there is no plugin "weir-polcy" in .*plugins/);
  });
});

test.serial('a namespace that is not there, and one that is not a container’s', async (t) => {
  const host = testbed().hosts[0]!;
  await leavesNothing(t, async () => {
    const missing = { host, containerId: 'missing', namespace: '/run/netns/no-such-namespace' };
    isFailure(t, await add(missing), 3, /\/run\/netns\/no-such-namespace \(CNI_NETNS\) does not exist/);
    t.deepEqual(await del(missing), SILENT_SUCCESS);
    const own = { host, containerId: 'own', namespace: host.namespace };
    isFailure(t, await add(own), 8, /is the host's own/);
    t.deepEqual(await del(own), SILENT_SUCCESS);
    const file = { host, containerId: 'file', namespace: host.agentConfig };
    isFailure(t, await add(file), 4, /^CNI_NETNS: open network namespace .*agent.*: the file is not a network namespace$/);
    t.deepEqual(await del(file), SILENT_SUCCESS);
  });
});

test.serial('the same ADD twice: one clear error, and the first attachment works on', async (t) => {
  const [first, peer] = [newContainer(), newContainer()];
  await leavesNothing(t, async () => {
    const [one, two] = [await add(first), await add(peer)];
    const traffic = [first, peer].map(({ containerId, namespace }) => new Traffic(containerId, namespace!));
    try {
      await traffic[1]!.listen({ tcp: [80] });
      const works = async () =>
        (await Promise.all(addressesOf(two).map((address) => traffic[0]!.tcp({ address, port: 80 })))).every(Boolean);
      t.true(await works());
      isFailure(t, await add(first), 100, /^eth0 of container container-\d+ is already attached/);
      t.true(await works());
      const [same, other] = await Promise.all([add(first), add(first)]);
      for (const answer of [same, other]) isFailure(t, answer!, 100, /already attached/);
      t.true(await works());
    } finally {
      await Promise.all(traffic.map((one) => one.close()));
    }
    t.not(addressesOf(one)[0], addressesOf(two)[0]);
    for (const call of [first, peer]) t.deepEqual(await del(call), SILENT_SUCCESS);
  });
});

test.serial('DEL of what never was, DEL twice, DEL without a namespace', async (t) => {
  const [never, twice, unnamed] = [newContainer(), newContainer(), newContainer()];
  await leavesNothing(t, async () => {
    t.deepEqual(await del(never), SILENT_SUCCESS);
    t.deepEqual(await del({ ...never, namespace: undefined }), SILENT_SUCCESS);
    t.is((await add(twice)).exitCode, 0);
    t.deepEqual(await Promise.all([del(twice), del(twice)]), [SILENT_SUCCESS, SILENT_SUCCESS]);
    t.is((await add(unnamed)).exitCode, 0);
    t.deepEqual(await del({ ...unnamed, namespace: undefined }), SILENT_SUCCESS);
  });
});

test.serial('container ids as frameworks choose them, nested ones too', async (t) => {
  const parent = '6fbe9a5e-2d3f-4a0c-8f6b-0c2a4f2a9d11';
  const ids = [
    'task@cluster:8080',
    'task@cluster:8081',
    parent,
    `${parent}.1e2d3c4b-5a69-4788-9706-151413121110`,
    'ünï côdé',
    'x'.repeat(300),
  ];
  await leavesNothing(t, async () => {
    const calls = ids.map((id) => newContainer(id));
    const answers = await Promise.all(calls.map(add));
    for (const [index, { exitCode, stdout }] of answers.entries()) t.is(exitCode, 0, `${ids[index]}: ${stdout}`);
    t.is(new Set(answers.flatMap(addressesOf)).size, 2 * ids.length);
    const { objects } = await testbed().objects.list('Endpoint');
    t.deepEqual(objects.map(({ object }) => object.spec.containerId).sort(), ids.toSorted());
    t.is(new Set(objects.map(({ object }) => object.spec.hostInterface)).size, ids.length);
    for (const call of calls) t.deepEqual(await del(call), SILENT_SUCCESS);
  });
  isFailure(t, await add(newContainer('a/b')), 4, /CNI_CONTAINERID is "a\/b"/);
});

test.serial('sixteen ADDs at once, on one host and on three: no address twice; after as many DELs none is held', async (t) => {
  t.timeout(60_000);
  const { hosts, objects } = testbed();
  for (const among of [hosts.slice(0, 1), hosts]) {
    await leavesNothing(t, async () => {
      const calls = Array.from({ length: 16 }, (_, index) => newContainer(undefined, among[index % among.length]));
      const answers = await Promise.all(calls.map(add));
      for (const { exitCode, stdout } of answers) t.is(exitCode, 0, stdout);
      t.is(new Set(answers.flatMap(addressesOf)).size, 32);
      t.is((await objects.list('Endpoint')).objects.length, 16);
      t.deepEqual(
        await Promise.all(calls.map(del)),
        calls.map(() => SILENT_SUCCESS),
      );
    });
    t.deepEqual(await tracesInStore(objects), []);
  }
});

test.serial('a DEL comes while the ADD still runs, or both come many times at once: what the last DEL leaves is nothing', async (t) => {
  t.timeout(60_000);
  await leavesNothing(t, async () => {
    for (const milliseconds of [0, 1, 2, 3, 5, 8]) {
      const call = newContainer();
      const adding = startCni({ ...call, command: 'ADD' }).answer;
      await delay(milliseconds);
      t.deepEqual(await del(call), SILENT_SUCCESS);
      // One that was overtaken in the socket has to be undone by a DEL of its own, as Mesos makes it.
      t.is((await adding).exitCode, 0);
      t.deepEqual(await del(call), SILENT_SUCCESS);
    }
    const call = newContainer();
    const other = { ...call, interfaceName: 'eth1' };
    const calls = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? add(call) : del(call)));
    for (const { exitCode, json } of await Promise.all([...calls, del(other)])) {
      // Two ADDs one after the other: the second one is refused, and harms the first one not.
      if (exitCode !== 0) t.is(json.code, 100);
    }
    t.deepEqual(await Promise.all([del(call), del(other)]), [SILENT_SUCCESS, SILENT_SUCCESS]);
  });
});

test.serial('a launcher that is killed in mid-ADD, then DEL', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await leavesNothing(t, async () => {
    for (const milliseconds of [0, 1, 2, 3, 5, 8, 12]) {
      const call = newContainer();
      const { answer, kill } = startCni({ ...call, command: 'ADD' });
      await delay(milliseconds);
      kill();
      t.deepEqual(await del(call), SILENT_SUCCESS);
      await answer;
    }
    // The agent has not even read the ADD when the DEL comes.
    const call = newContainer();
    const pid = bed.agentPid(call.host);
    process.kill(pid, 'SIGSTOP');
    const { answer, kill } = startCni({ ...call, command: 'ADD' });
    await delay(100);
    kill();
    await answer;
    const deleted = del(call);
    await delay(100);
    process.kill(pid, 'SIGCONT');
    t.deepEqual(await deleted, SILENT_SUCCESS);
  });
});

test.serial('an ADD without an agent that is killed at any moment, then DEL', async (t) => {
  t.timeout(90_000);
  const bed = testbed();
  const { hosts } = bed;
  await Promise.all(hosts.map((host) => host.stopAgent('SIGKILL')));
  const undisturbed = newContainer();
  const start = monotonicMs();
  t.is((await add(undisturbed)).exitCode, 0);
  const took = monotonicMs() - start;
  t.deepEqual(await del(undisturbed), SILENT_SUCCESS);
  const kills = 9;
  const ends: (number | null)[] = [];
  for (let kill = 0; kill < kills; kill += hosts.length) {
    await leavesNothing(t, async () => {
      const moments = hosts.map((host, index) => ({ host, milliseconds: (took * (kill + index + 1)) / kills }));
      const calls = moments.map(({ host, milliseconds }) => killedThenDeleted(t, newContainer(undefined, host), milliseconds));
      ends.push(...(await Promise.all(calls)));
    });
  }
  t.true(ends.filter((exitCode) => exitCode === null).length > kills / 2, `killed before their end: ${ends.join(' ')}`);
  await Promise.all(hosts.map((host) => host.startAgent()));
  for (const host of hosts) t.like(await readReadiness(host), { ready: true, reasons: [] });
});

async function killedThenDeleted(t: ExecutionContext, call: Omit<CniCall, 'command'>, milliseconds: number): Promise<number | null> {
  const { answer, kill } = startCni({ ...call, command: 'ADD' });
  await delay(milliseconds);
  kill();
  const { exitCode } = await answer;
  t.deepEqual(await del(call), SILENT_SUCCESS, `killed after ${Math.round(milliseconds)} ms`);
  return exitCode;
}
