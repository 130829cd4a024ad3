/** Several hosts, several processes on each, crashes and lost messages at random: no address twice, nothing lost for good. */

import type { Block, Pool } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { admitPool, removePool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { IpamError } from './ipam-error.ts';
import { FakeStore, type Fault } from './testing/fake-store.ts';

const HOSTS = ['a', 'b'];
const CONTAINERS = ['c1', 'c2', 'c3', 'c4', 'c5'];

type Step =
  | { do: 'allocate' | 'release'; host: string; process: number; container: string; fault: Fault }
  | { do: 'crash'; host: string; process: number }
  | { do: 'together'; steps: { host: string; process: number; container: string; allocate: boolean }[] }
  | { do: 'disable' | 'enable' | 'remove'; pool: string };

const who = { host: fc.constantFrom(...HOSTS), process: fc.integer({ min: 0, max: 1 }) };
const container = fc.constantFrom(...CONTAINERS);
const fault = fc.constantFrom<Fault>('none', 'none', 'lost request', 'lost answer');
const poolName = fc.constantFrom('four', 'spare', 'six');

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom<'allocate' | 'release'>('allocate', 'release'), ...who, container, fault }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), ...who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('together' as const),
      steps: fc.array(fc.record({ ...who, container, allocate: fc.boolean() }), { minLength: 2, maxLength: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom<'disable' | 'enable' | 'remove'>('disable', 'enable', 'remove'), pool: poolName }),
  },
);

const POOLS: Record<string, { cidr: string; blockSize: number }> = {
  four: { cidr: '10.0.0.0/29', blockSize: 31 },
  spare: { cidr: '10.0.1.0/30', blockSize: 32 },
  six: { cidr: 'fd00::/124', blockSize: 126 },
};

const pool = (name: string, disabled: boolean): Pool => ({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name, labels: {}, annotations: {} },
  spec: { ...POOLS[name]!, disabled, vxlan: 'Never', natOutgoing: false, visibility: 'Routed' },
});

/** Who holds what, straight from the store, by `host/container`; fails on any address that stands twice. */
async function holders(store: FakeStore): Promise<Map<string, string[]>> {
  const { entries } = await store.list('/weir/v1/Block/');
  const seen = new Set<string>();
  const held = new Map<string, string[]>();
  for (const { spec } of entries.map(({ value }) => JSON.parse(value) as Block)) {
    for (const [address, allocation] of Object.entries(spec.allocations)) {
      if (seen.has(address)) throw new Error(`${address} stands twice`);
      seen.add(address);
      const key = `${allocation.host}/${allocation.containerId}`;
      held.set(key, [...(held.get(key) ?? []), address].sort());
    }
  }
  return held;
}

/** `told` holds what the callers may rely on: absent after a failure, when either may be true. */
async function run(steps: Step[]): Promise<void> {
  const store = new FakeStore();
  for (const name of Object.keys(POOLS)) await admitPool(store, pool(name, false));
  const processes = new Map<string, Allocator>();
  const allocatorOf = (host: string, process: number) => {
    const key = `${host}${process}`;
    const found = processes.get(key) ?? new Allocator({ store, host });
    processes.set(key, found);
    return found;
  };
  const told = new Map<string, string[]>();

  const change = async (
    { host, process, container: containerId }: { host: string; process: number; container: string },
    allocate: boolean,
  ) => {
    const key = `${host}/${containerId}`;
    const owner = { containerId, interfaceName: 'eth0' };
    const before = told.get(key);
    try {
      if (allocate) {
        const assigned = await allocatorOf(host, process).allocate({ ...owner, network: 'weir' });
        const addresses = assigned.map(({ address }) => address).sort();
        if (before && before.length > 0 && before.join() !== addresses.join()) throw new Error(`${key} had ${before}, now ${addresses}`);
        told.set(key, addresses);
      } else {
        await allocatorOf(host, process).release(owner);
        told.set(key, []);
      }
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === 'EUNAVAILABLE') told.delete(key);
      else if (!(error instanceof IpamError && (code === 'EEXHAUSTED' || code === 'ENOPOOL'))) throw error;
    }
  };

  for (const one of steps) {
    if ('fault' in one) {
      let pending: Fault = one.fault;
      store.fault = () => {
        const now = pending;
        pending = 'none';
        return now;
      };
      await change(one, one.do === 'allocate');
      store.fault = () => 'none';
    } else if (one.do === 'crash') {
      processes.delete(`${one.host}${one.process}`);
    } else if ('steps' in one) {
      // Both an allocation and a release of one container at once leave either outcome.
      for (const { host, container: containerId } of one.steps) {
        const mine = one.steps.filter((other) => other.host === host && other.container === containerId);
        if (new Set(mine.map(({ allocate }) => allocate)).size > 1) told.delete(`${host}/${containerId}`);
      }
      const contested = new Set(
        one.steps.map(({ host, container: containerId }) => `${host}/${containerId}`).filter((key) => !told.has(key)),
      );
      await Promise.all(one.steps.map((inner) => change(inner, inner.allocate)));
      for (const key of contested) told.delete(key);
    } else if (one.do === 'remove') {
      await removePool(store, one.pool).catch((error: unknown) => {
        if (!(error instanceof IpamError && ['EINUSE', 'ENOPOOL'].includes(error.code))) throw error;
      });
    } else await admitPool(store, pool(one.pool, one.do === 'disable'));

    const held = await holders(store);
    for (const [key, addresses] of told) {
      const really = held.get(key) ?? [];
      if (really.join() !== addresses.join()) throw new Error(`${key} was told ${addresses}, holds ${really}`);
    }
  }

  // Nothing is lost for good: after everyone released, every address is free again.
  for (const host of HOSTS) {
    for (const containerId of CONTAINERS) await new Allocator({ store, host }).release({ containerId, interfaceName: 'eth0' });
  }
  const left = await holders(store);
  if (left.size > 0) throw new Error(`left over: ${[...left.keys()]}`);
}

test('model: no address twice, the same answer to the same owner, nothing lost', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), run), { numRuns: 300 });
  t.pass();
});
