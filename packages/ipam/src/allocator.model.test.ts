/**
 * Several hosts on one store, several processes on each, which lose messages at any transaction and are killed at any await; they allocate, ask for addresses and
 * claims, borrow, give back, pools and blocks are split, and hosts end. No address twice, nobody's address, nothing lost for good.
 */
import { type Block, cidrsOverlap, type Pool, presenceKey } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { admitPool, removePool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { removeClaim } from './claim.ts';
import { IpamError } from './ipam-error.ts';
import { shrinkBlocks, splitPool } from './split.ts';
import { FakeStore, type Fault } from './testing/fake-store.ts';
import { MortalStore } from './testing/mortal-store.ts';
import { claim, configure, ownNetwork, pool, reserve } from './testing/objects.ts';
import { usage } from './usage.ts';

const HOSTS = ['a', 'b', 'c'];
const CONTAINERS = ['c1', 'c2', 'c3', 'c4', 'c5'];
const CLAIMS = ['one', 'two'];
/** Of a reservation that may be asked for, of one that may not, of any block, and of no pool. */
const ASKED = ['10.0.0.1', '10.0.0.3', '10.0.0.6', '10.0.1.2', 'fd00::5', '10.9.9.9'];
const POOLS = {
  four: pool('four', '10.0.0.0/29', { blockSize: 31 }),
  spare: pool('spare', '10.0.1.0/30', { blockSize: 32 }),
  six: pool('six', 'fd00::/124', { blockSize: 126 }),
  // The same addresses as `four` has.
  red: pool('red', '10.0.0.0/29', { blockSize: 31, network: 'red' }),
};
/** Containers of a network with its own address space. */
const RED = ['c4', 'c5'];
const REFUSALS = ['EEXHAUSTED', 'ENOPOOL', 'EOUTSIDE', 'ETAKEN', 'EREFUSED', 'ENOCLAIM'];

interface Who {
  host: string;
  process: number;
  container: string;
}
/** `killed`: the process lives for so many moments more, see MortalStore. */
type Call = Who & { allocate: boolean; fault: Fault; address?: string; claim?: string; killed?: number };
type Step =
  | { do: 'calls'; calls: Call[] }
  | { do: 'crash' | 'empty blocks'; host: string; process: number }
  | { do: 'host death'; host: string; all: boolean }
  | { do: 'disable' | 'enable' | 'remove' | 'split' | 'shrink'; pool: keyof typeof POOLS }
  | { do: 'delete claim' | 'make claim'; claim: string }
  | { do: 'time passes'; seconds: number }
  | { do: 'strict'; strict: boolean };

const host = fc.constantFrom(...HOSTS);
const process = fc.integer({ min: 0, max: 1 });
const call: fc.Arbitrary<Call> = fc.record(
  {
    host,
    process,
    container: fc.constantFrom(...CONTAINERS),
    allocate: fc.boolean(),
    fault: fc.constantFrom<Fault>('none', 'none', 'none', 'lost request', 'lost answer'),
    address: fc.option(fc.constantFrom(...ASKED), { nil: undefined, freq: 3 }),
    claim: fc.option(fc.constantFrom(...CLAIMS), { nil: undefined, freq: 4 }),
    killed: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined, freq: 5 }),
  },
  { requiredKeys: ['host', 'process', 'container', 'allocate', 'fault'] },
);
const named = <T extends string>(...what: T[]) => fc.constantFrom(...what);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: named('calls'), calls: fc.array(call, { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: named('crash', 'empty blocks'), host, process }) },
  { weight: 1, arbitrary: fc.record({ do: named('host death'), host, all: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: named('disable', 'enable', 'remove', 'split', 'shrink'), pool: named('four', 'spare', 'six', 'red') }),
  },
  { weight: 1, arbitrary: fc.record({ do: named('delete claim', 'make claim'), claim: named(...CLAIMS) }) },
  { weight: 1, arbitrary: fc.record({ do: named('time passes'), seconds: fc.constantFrom(1, 31, 61) }) },
  { weight: 1, arbitrary: fc.record({ do: named('strict'), strict: fc.boolean() }) },
);

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code;
const networkOf = (container: string) => (RED.includes(container) ? { network: 'red', space: 'red' } : { network: 'weir' });
const keyOf = ({ host: of, container }: Pick<Who, 'host' | 'container'>): string => `${of}/${container}`;

/** Errors of these codes are what may happen. */
async function tolerating(codes: readonly string[], work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
  });
}

/** One history of the cluster. `told` holds what callers may rely on, by owner: absent when either outcome may be true. */
class Run {
  readonly #store = new FakeStore();
  readonly #processes = new Map<string, { allocator: Allocator; store: MortalStore }>();
  readonly #told = new Map<string, string[]>();
  #now = 1_000_000;

  async begin(): Promise<void> {
    await ownNetwork(this.#store, 'red');
    for (const one of Object.values(POOLS)) await admitPool(this.#store, one);
    await reserve(this.#store, 'machines', ['10.0.0.0', '10.0.0.3']);
    await reserve(this.#store, 'chosen', ['10.0.0.1'], 'Allow');
    for (const name of CLAIMS) await claim(this.#store, name);
  }

  async take(one: Step): Promise<void> {
    switch (one.do) {
      case 'calls':
        return this.#together(one.calls);
      case 'crash':
        this.#processes.delete(`${one.host}${one.process}`);
        return;
      case 'empty blocks':
        await this.#process(one.host, one.process).allocator.releaseEmptyBlocks();
        return;
      case 'host death':
        await new Allocator({ store: this.#store, host: one.host, now: () => this.#now }).surrender({ all: one.all });
        if (one.all) for (const container of CONTAINERS) this.#told.set(keyOf({ host: one.host, container }), []);
        return;
      case 'remove':
        return tolerating(['EINUSE', 'ENOPOOL'], () => removePool(this.#store, one.pool));
      case 'disable':
      case 'enable':
        return this.#switch(one.pool, one.do === 'disable');
      case 'split':
        return tolerating(['ENOPOOL', 'EINVAL', 'EINUSE'], async () => void (await splitPool(this.#store, one.pool, 2)));
      case 'shrink':
        return tolerating(['ENOPOOL', 'EINVAL'], () => this.#shrink(one.pool));
      case 'delete claim':
        await removeClaim(this.#store, `shop/${one.claim}`, { now: this.#now });
        return;
      case 'make claim':
        return tolerating(['ECONFLICT', 'EINUSE'], () => claim(this.#store, one.claim));
      case 'time passes':
        this.#now += one.seconds * 1000;
        return;
      case 'strict':
        await configure(this.#store, { strictAffinity: one.strict });
    }
  }

  /** As it is stored, since it may have been split; anew when it was removed and nothing is in its place. */
  async #switch(name: keyof typeof POOLS, disabled: boolean): Promise<void> {
    const entry = await this.#store.get(`/weir/v1/Pool/${name}`);
    const known = entry ? (JSON.parse(entry.value) as Pool) : POOLS[name];
    await tolerating(['EOVERLAP'], async () => void (await admitPool(this.#store, { ...known, spec: { ...known.spec, disabled } })));
  }

  async #shrink(name: string): Promise<void> {
    const entry = await this.#store.get(`/weir/v1/Pool/${name}`);
    if (entry !== undefined) await shrinkBlocks(this.#store, name, (JSON.parse(entry.value) as Pool).spec.blockSize + 1);
  }

  #process(of: string, number: number): { allocator: Allocator; store: MortalStore } {
    const key = `${of}${number}`;
    const known = this.#processes.get(key);
    if (known !== undefined) return known;
    const store = new MortalStore(this.#store);
    const made = { store, allocator: new Allocator({ store, host: of, ahead: number === 0, now: () => this.#now }) };
    this.#processes.set(key, made);
    return made;
  }

  /** Calls at one time. Where one owner is allocated for and released, or asks for different things, either outcome may be true. */
  async #together(calls: Call[]): Promise<void> {
    const faults = calls.map(({ fault }) => fault);
    this.#store.fault = () => faults.shift() ?? 'none';
    const wishes = Map.groupBy(calls, keyOf);
    const unsure = new Set([...wishes].filter(([, mine]) => mine.length > 1).map(([key]) => key));
    for (const key of unsure) this.#told.delete(key);
    await Promise.all(calls.map((one) => this.#callUntilDeath(one)));
    this.#store.fault = () => 'none';
    for (const key of unsure) this.#told.delete(key);
  }

  /** A process that is killed takes its other calls along: what became of them nobody was told. */
  async #callUntilDeath(one: Call): Promise<void> {
    const { store } = this.#process(one.host, one.process);
    if (one.killed !== undefined) store.moments = Math.min(store.moments, one.killed);
    const key = `${one.host}${one.process}`;
    const died = store.death.then(() => {
      if (this.#processes.get(key)?.store === store) this.#processes.delete(key);
      this.#told.delete(keyOf(one));
    });
    await Promise.race([this.#call(one), died]);
    store.moments = Number.POSITIVE_INFINITY;
  }

  async #call({ host: of, process: number, container, allocate, address, claim: name }: Call): Promise<void> {
    const key = keyOf({ host: of, container });
    const owner = { containerId: `${of}-${container}`, interfaceName: 'eth0' };
    const before = this.#told.get(key);
    try {
      if (!allocate) {
        await this.#process(of, number).allocator.release(owner);
        this.#told.set(key, []);
        return;
      }
      const wish = { ...(address !== undefined && { addresses: [address] }), ...(name !== undefined && { claim: `shop/${name}` }) };
      const assigned = await this.#process(of, number).allocator.allocate({ ...owner, ...networkOf(container), ...wish });
      const addresses = assigned.map((one) => one.address);
      if (address !== undefined && !addresses.includes(address)) throw new Error(`${key} asked for ${address}, was given ${addresses}`);
      const lost = before?.filter((one) => !addresses.includes(one)) ?? [];
      if (lost.length > 0) throw new Error(`${key} had ${before}, now ${addresses}`);
      this.#told.set(key, addresses);
    } catch (error) {
      if (codeOf(error) === 'EUNAVAILABLE') this.#told.delete(key);
      else if (!(error instanceof IpamError && REFUSALS.includes(error.code))) throw error;
    }
  }

  async #blocks(): Promise<Block[]> {
    const { entries } = await this.#store.list('/weir/v1/Block/');
    return entries.map(({ value }) => JSON.parse(value) as Block);
  }

  /** What must hold after each step. */
  async check(): Promise<void> {
    const blocks = await this.#blocks();
    for (const [index, { spec }] of blocks.entries()) {
      const other = blocks.slice(index + 1).find((one) => one.spec.network === spec.network && cidrsOverlap(one.spec.cidr, spec.cidr));
      if (other !== undefined) throw new Error(`blocks ${spec.cidr} and ${other.spec.cidr} overlap`);
    }
    const held = new Map<string, string[]>();
    const claimed = new Map<string, Set<string>>();
    for (const { spec } of blocks) {
      for (const [address, allocation] of Object.entries(spec.allocations)) {
        const { containerId, claim: name } = allocation;
        if (containerId === undefined && name === undefined) throw new Error(`${address} is nobody's`);
        if (address === '10.0.0.0' || address === '10.0.0.3') throw new Error(`${address} is reserved, and was given`);
        if (address in spec.released) throw new Error(`${address} is given, and rests`);
        if (name !== undefined) claimed.set(name, (claimed.get(name) ?? new Set()).add(`${containerId}`));
        if (containerId === undefined) continue;
        const key = containerId.replace('-', '/');
        if (networkOf(key.slice(2)).space !== spec.network) throw new Error(`${key} has ${address} of the address space ${spec.network}`);
        if (!key.startsWith(`${allocation.host}/`)) throw new Error(`${address} of ${key} stands for host ${allocation.host}`);
        held.set(key, [...(held.get(key) ?? []), address]);
      }
    }
    for (const [name, containers] of claimed) if (containers.size > 1) throw new Error(`claim ${name} is bound to ${[...containers]}`);
    for (const name of claimed.keys()) {
      if ((await this.#store.get(`/weir/v1/Claim/${name}`)) === undefined) throw new Error(`claim ${name} is gone and keeps addresses`);
    }
    for (const [key, addresses] of this.#told) {
      const really = held.get(key) ?? [];
      const missing = addresses.filter((address) => !really.includes(address));
      if (missing.length > 0 || (addresses.length === 0 && really.length > 0))
        throw new Error(`${key} was told ${addresses}, holds ${really}`);
    }
    for (const { pool: name, used, free, reserved, size, blocks: parts } of await usage(this.#store)) {
      if (used + free + reserved !== size) throw new Error(`pool ${name}: ${used} + ${free} + ${reserved} is not ${size}`);
      for (const one of parts) if (one.used + one.free + one.reserved !== one.size) throw new Error(`block ${one.block} does not add up`);
    }
  }

  /** Nothing is lost for good: when everyone has gone, every address is free, and so is every block. */
  async end(): Promise<void> {
    for (const name of CLAIMS) await removeClaim(this.#store, `shop/${name}`, { now: this.#now });
    for (const of of HOSTS) {
      for (const container of CONTAINERS)
        await this.#process(of, 1).allocator.release({ containerId: `${of}-${container}`, interfaceName: 'eth0' });
    }
    const left = (await this.#blocks()).flatMap(({ spec }) => Object.keys(spec.allocations));
    if (left.length > 0) throw new Error(`left over: ${left}`);
    for (const of of HOSTS) {
      await this.#store.transact({ when: [], then: [{ delete: presenceKey(of) }] });
      await new Allocator({ store: this.#store, host: of, now: () => this.#now }).surrender({ all: true });
    }
    const blocks = await this.#blocks();
    if (blocks.length > 0) throw new Error(`blocks left over: ${blocks.map(({ spec }) => spec.cidr)}`);
  }
}

test('model: no address twice, the same answer to the same owner, nothing lost', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const run = new Run();
      await run.begin();
      await run.check();
      for (const one of steps) {
        await run.take(one);
        await run.check();
      }
      await run.end();
    }),
    { numRuns: 300 },
  );
  t.pass();
});
