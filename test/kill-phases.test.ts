/**
 * kill -9 of the agent and of the launcher in each phase of ADD and DEL. The phases are seen from outside, in kernel and store; the agent
 * is let run for tenths of a millisecond at a time until it is in the phase.
 */
import { isDeepStrictEqual } from 'node:util';
import { Netlink, Nftables, openNamespace } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { hostInterfaceName } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { AgentStepper } from './testbed/agent-stepper.ts';
import { type CniAnswer, callCni, mesosNetwork, startCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { POOLS, Testbed } from './testbed/testbed.ts';
import { findTraces } from './testbed/traces.ts';

/** An address that was given back may be given again at once, so that traces can be compared. */
const NO_REST = '{ apiVersion: weir/v1, kind: IpamConfig, metadata: { name: default }, spec: { cooldownSeconds: 0 } }';
const POLICY = "{ apiVersion: weir/v1, kind: Policy, metadata: { name: web }, spec: { selector: app == 'web' } }";

const testbed = Testbed.share(test, { hosts: 1, manifests: `${POOLS}---\n${NO_REST}\n---\n${POLICY}` });

const CONTAINER = 'killed';
const HOST_END = hostInterfaceName(CONTAINER, 'eth0', 'weir');

type Victim = 'agent' | 'launcher';

interface Phase {
  name: string;
  /** Seen from outside. */
  isReached: (seen: Seen) => boolean | Promise<boolean>;
}

/** What there is of the container. Looks are quick, since the agent is looked at dozens of times in a call. */
class Seen {
  readonly #host: LabHost;
  readonly #namespace: string;

  constructor(call: Call) {
    this.#host = call.host;
    this.#namespace = call.namespace;
  }

  get link(): { up: boolean } | undefined {
    using netlink = Netlink.open({ namespace: this.#host.namespace });
    return netlink.link(HOST_END);
  }

  get containerLink(): { up: boolean } | undefined {
    using netlink = Netlink.open({ namespace: this.#namespace });
    return netlink.link('eth0');
  }

  async addresses(): Promise<boolean> {
    const { objects } = await testbed().objects.list('Block');
    return objects.some(({ object }) => Object.values(object.spec.allocations).some(({ containerId }) => containerId === CONTAINER));
  }

  async endpoint(): Promise<boolean> {
    return (await testbed().objects.list('Endpoint')).objects.length > 0;
  }

  get policy(): boolean {
    using nftables = Nftables.open({ namespace: this.#host.namespace });
    return JSON.stringify(nftables.list('inet weir')).includes(HOST_END);
  }
}

const ADD: Phase[] = [
  { name: 'called', isReached: () => true },
  { name: 'the link is made', isReached: (seen) => seen.link !== undefined },
  { name: 'the addresses are given', isReached: (seen) => seen.addresses() },
  { name: 'the container is wired', isReached: (seen) => seen.containerLink?.up === true },
  { name: 'the host is wired', isReached: (seen) => seen.link?.up === true },
  { name: 'the endpoint is written', isReached: (seen) => seen.endpoint() },
  { name: 'its policy is in force', isReached: (seen) => seen.policy },
];

const DEL: Phase[] = [
  { name: 'called', isReached: () => true },
  { name: 'its policy is withdrawn', isReached: (seen) => !seen.policy },
  { name: 'the endpoint is removed', isReached: async (seen) => !(await seen.endpoint()) },
  { name: 'the link is gone', isReached: (seen) => seen.link === undefined },
  { name: 'the addresses are back', isReached: async (seen) => !(await seen.addresses()) },
];

const traces = (): Promise<string[]> => findTraces(testbed().hosts, testbed().objects);

/** Which address it is does not matter. */
const withoutAddresses = (lines: string[]): string[] =>
  lines.map((line) => line.replaceAll(/10\.64\.\d+\.\d+|fd00:64:[0-9a-f:]*/g, 'address')).sort();

for (const victim of ['agent', 'launcher'] as const) {
  test.serial(`ADD: kill -9 of the ${victim} in each phase, then the same ADD again: one endpoint, whole`, async (t) => {
    t.timeout(60_000);
    const { call, before } = await prepare();
    const sound = withoutAddresses(await tracesOfSoundAdd(t, call));
    await remove(t, call, before);
    for (const phase of ADD) {
      await killIn(t, { victim, command: 'ADD', phase, call });
      await addAgain(t, call, phase.name);
      t.deepEqual(withoutAddresses(await traces()), sound, phase.name);
      await remove(t, call, before);
    }
  });

  test.serial(`DEL: kill -9 of the ${victim} in each phase, then the same DEL again: nothing is left`, async (t) => {
    t.timeout(60_000);
    const { call, before } = await prepare();
    for (const phase of DEL) {
      await tracesOfSoundAdd(t, call);
      await killIn(t, { victim, command: 'DEL', phase, call });
      await remove(t, call, before);
    }
  });
}

/** What a kill leaves that comes when the endpoint is written, and the link that is made beside is not whole: by hand, as no look from outside tells. */
const HALF_WIRED: Record<string, (call: Call) => void> = {
  'the link is not there': ({ host }) => {
    using netlink = Netlink.open({ namespace: host.namespace });
    netlink.deleteLink(HOST_END);
  },
  'neither end is set up': ({ host, namespace: path }) => {
    using netlink = Netlink.open({ namespace: host.namespace });
    netlink.deleteLink(HOST_END);
    using container = openNamespace(path);
    netlink.addVeth({ name: HOST_END, peer: { name: 'eth0', namespace: container } });
  },
  "the host's end is not set up": ({ host }) => {
    using netlink = Netlink.open({ namespace: host.namespace });
    netlink.setLink(HOST_END, { up: false });
  },
};

for (const [state, makeHalf] of Object.entries(HALF_WIRED)) {
  test.serial(
    `ADD, killed when its endpoint is written and ${state}: whole after another, by the next agent or without one, and gone after DEL`,
    async (t) => {
      t.timeout(60_000);
      const { call, before } = await prepare();
      const sound = withoutAddresses(await tracesOfSoundAdd(t, call));
      for (const next of ['ADD, without an agent', 'ADD', 'DEL'] as const) {
        await call.host.stopAgent('SIGKILL');
        makeHalf(call);
        if (next === 'ADD, without an agent') await addAgain(t, call, next);
        await call.host.startAgent();
        if (next === 'ADD') await addAgain(t, call, next);
        if (next !== 'DEL') t.deepEqual(withoutAddresses(await traces()), sound, next);
      }
      await remove(t, call, before);
    },
  );
}

/** A sound attachment that is there already is said to be. */
async function addAgain(t: ExecutionContext, call: Call, when: string): Promise<void> {
  const { exitCode, json, stdout } = await callCni({ ...call, command: 'ADD' });
  t.true(exitCode === 0 || json.code === 100, `${when}: ${stdout}`);
}

async function prepare() {
  const host = testbed().hosts[0]!;
  namespace ??= testbed().makeNamespace(CONTAINER);
  const call = { host, containerId: CONTAINER, namespace, stdin: mesosNetwork({ app: 'web' }) };
  return { call, before: await traces() };
}

let namespace: string | undefined;

type Call = Awaited<ReturnType<typeof prepare>>['call'];

async function tracesOfSoundAdd(t: ExecutionContext, call: Call): Promise<string[]> {
  const { exitCode, stdout } = await callCni({ ...call, command: 'ADD' });
  t.is(exitCode, 0, stdout);
  return traces();
}

async function remove(t: ExecutionContext, call: Call, before: string[]): Promise<void> {
  t.like(await callCni({ ...call, command: 'DEL' }), { exitCode: 0, stdout: '' });
  t.deepEqual(await eventually(traces, (now) => isDeepStrictEqual(now, before)), before);
}

/** Leaves an agent that runs. */
async function killIn(
  t: ExecutionContext,
  { victim, command, phase, call }: { victim: Victim; command: 'ADD' | 'DEL'; phase: Phase; call: Call },
): Promise<void> {
  const stepper = new AgentStepper(testbed());
  stepper.stop();
  const { answer, kill } = startCni({ ...call, command });
  let answered: CniAnswer | undefined;
  const ended = answer.then((one) => {
    answered = one;
  });
  const { host } = call;
  const seen = new Seen(call);
  t.true(await stepper.until(async () => phase.isReached(seen)), `${command} never came to: ${phase.name}`);
  t.log(`${command}, ${phase.name}: ${answered === undefined ? 'not yet answered' : 'answered'}`);
  if (victim === 'agent') {
    await host.stopAgent('SIGKILL');
    // Without an answer the launcher makes the call itself.
    await ended;
    t.true(answered?.exitCode === 0 || typeof answered?.json?.code === 'number', answered?.stdout);
    await host.startAgent();
  } else {
    kill();
    await ended;
    stepper.go();
  }
}
