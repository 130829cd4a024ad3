/** Every call that was recorded of a real Mesos agent, made of our tools on a real host: the recorded configuration to the letter. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { deleteNamespace } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { type CniAnswer, callCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { Testbed } from './testbed/testbed.ts';
import { findTraces } from './testbed/traces.ts';

interface Recording {
  seq: number;
  scenario: string;
  env: Record<string, string>;
  stdin: string;
}

/** Holds the address that a recorded task asks for. */
const POOL = '{ apiVersion: weir/v1, kind: Pool, metadata: { name: tasks }, spec: { cidr: 10.99.0.0/24 } }';

const testbed = Testbed.share(test, { hosts: 1, manifests: POOL });

const lines = readFileSync(new URL('../packages/cni/src/testing/mesos-calls.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const recordings = lines.map((line): Recording => JSON.parse(line));

test.serial('166 calls of 75 containers', async (t) => {
  t.timeout(120_000);
  t.is(recordings.length, 166);
  const { hosts, objects } = testbed();
  const before = await findTraces(hosts, objects);
  for (const calls of Map.groupBy(recordings, ({ env }) => env.CNI_CONTAINERID!).values()) await live(t, calls);
  const after = await eventually(
    () => findTraces(hosts, objects),
    (traces) => isDeepStrictEqual(traces, before),
  );
  t.deepEqual(after, before);
});

/** One container's life: ADDs of all its networks at once, as Mesos makes them, then its DELs, in their order where they came one by one. */
async function live(t: ExecutionContext, recorded: Recording[]): Promise<void> {
  const containerId = recorded[0]!.env.CNI_CONTAINERID!;
  const namespace = testbed().makeNamespace(containerId);
  const call = ({ env, stdin }: Recording): Promise<CniAnswer> =>
    callCni({
      host: testbed().hosts[0]!,
      command: env.CNI_COMMAND as 'ADD' | 'DEL',
      containerId,
      interfaceName: env.CNI_IFNAME!,
      ...(env.CNI_NETNS !== undefined && { namespace }),
      stdin,
    });
  const [adds, dels] = ['ADD', 'DEL'].map((command) => recorded.filter(({ env }) => env.CNI_COMMAND === command)) as [
    Recording[],
    Recording[],
  ];

  const added = await Promise.all(adds.map(call));
  for (const [index, answer] of added.entries()) isAnswer(t, adds[index]!, answer);
  // A container has one default route, so one network of Weir's; Mesos ends a task whose second one fails.
  if (adds.length > 0) t.is(added.filter(({ exitCode }) => exitCode === 0).length, 1, JSON.stringify(added));

  const isRebooted = dels.some(({ env }) => env.CNI_NETNS === undefined);
  if (isRebooted) deleteNamespace(namespace);
  // Where the recorded DEL of a child failed, Mesos never made the one of its parent.
  const missing = dels.length === 0 ? adds.map((add) => ({ ...add, env: { ...add.env, CNI_COMMAND: 'DEL' } })) : [];
  for (const round of roundsOf([...dels, ...missing])) {
    for (const answer of await Promise.all(round.map(call))) t.deepEqual([answer.exitCode, answer.stdout], [0, ''], containerId);
  }
}

/** The first DEL of each interface, which Mesos makes at once; then the second of each, and so on. */
function roundsOf(dels: Recording[]): Recording[][] {
  const ofInterfaces = [...Map.groupBy(dels, ({ env }) => env.CNI_IFNAME!).values()];
  const count = Math.max(0, ...ofInterfaces.map(({ length }) => length));
  return Array.from({ length: count }, (_, round) => ofInterfaces.flatMap((calls) => calls[round] ?? []));
}

/** What Mesos does with it: on success it reads ip4.ip, else it pastes both outputs into the task's message. */
function isAnswer(t: ExecutionContext, { seq, scenario }: Recording, { exitCode, stderr, json }: CniAnswer): void {
  const name = `${seq} ${scenario}`;
  t.is(stderr, '', name);
  if (exitCode === 0) t.regex(json.ip4.ip, /^10\.99\.0\.\d+\/32$/, name);
  else t.like({ exitCode, code: json?.code }, { exitCode: 1, code: 103 }, `${name}: ${JSON.stringify(json)}`);
}
