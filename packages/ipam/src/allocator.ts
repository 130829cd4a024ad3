/**
 * Addresses for the containers of one host, by transactions on the store.
 *
 * What the allocator remembers is a view of the store whose every use is checked by the conditions of a transaction. So a free address in an
 * owned block costs one transaction, and an outdated view costs another try, never a wrong address.
 * Calls that arrive while a transaction is under way share the next one: in a process, allocations do not race each other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Entry, Store } from '@weir/datastore';
import type { Block } from '@weir/resources';
import { allocate } from './allocation/allocation.ts';
import type { AllocationRequest, Assigned } from './allocation/allocation-request.ts';
import { claimAhead, runsLow } from './allocation/claim-ahead.ts';
import { Draft, type Need, type Outcome } from './allocation/draft.ts';
import { blockObject, type Owner } from './block.ts';
import { dropBlock, moveBlock, splitBlock } from './block-change.ts';
import { IpamError } from './ipam-error.ts';
import { type ReleaseOptions, release, releaseAddress, releaseEmptyBlocks, type Surrendered, surrender } from './release.ts';
import { readView, refreshView, type View, withBlock, withClaim, withCluster, withLenders, withoutCluster, withRanges } from './view.ts';

export interface AllocatorOptions {
  store: Store;
  /** Name of the host whose blocks these are. */
  host: string;
  /** Takes the next block when little is left, before anyone has to wait for it. For a process that stays. Default false. */
  ahead?: boolean;
  /** Told of each block as it was committed, at its revision, before whoever asked for the address is: a watch tells it later, as text. */
  onWritten?: (block: Block, revision: number) => void;
  /** ms since the epoch; for tests. */
  now?: () => number;
}

/** An address that the host holds. */
export interface Held extends Owner {
  address: string;
  network: string;
  /** The network again, when the address is of its own space. */
  space?: string;
  /** As in the request. */
  namespace?: string;
  /** CIDR. */
  block: string;
  /** Tells this holding from earlier and later ones of the address. */
  sequence: number;
  /** When the container was given it, in ms since the epoch. */
  since?: number;
  /** `namespace/name` of the Claim that keeps the address afterwards. */
  claim?: string;
}

interface Work {
  plan(draft: Draft): Outcome<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Each refusal means that someone else got on, so many in a row need many contenders. */
const MAX_TRIES = 100;

/** After so many refusals all blocks are listed again, where they matter. */
const REFUSALS_PER_LIST = 4;

/** Between two tries to take a block ahead of need from a pool that may have none, ms. */
const AHEAD_INTERVAL = 10_000;

/** Waits, ms: the first tries at once, later ones spread out so that contenders do not meet again. */
const pause = (refusals: number): number => (refusals < 5 ? 0 : Math.random() * Math.min(2 ** (refusals - 2), 50));

export class Allocator {
  readonly #store: Store;
  readonly #host: string;
  readonly #ahead: boolean;
  readonly #onWritten: NonNullable<AllocatorOptions['onWritten']>;
  readonly #now: () => number;
  readonly #recent = new Map<string, string>();
  /** Until when, ms since the epoch, no block is taken ahead of need, by pool. */
  readonly #noneAhead = new Map<string, number>();
  #view: View | undefined;
  #queue: Work[] = [];
  #running = false;

  constructor({ store, host, ahead = false, onWritten = () => {}, now = Date.now }: AllocatorOptions) {
    this.#store = store;
    this.#host = host;
    this.#ahead = ahead;
    this.#onWritten = onWritten;
    this.#now = now;
  }

  /**
   * One address of each family, or none at all. Asked again for the same container and interface it answers with the same addresses.
   * Throws IpamError (ENOPOOL, EEXHAUSTED, EOUTSIDE, ETAKEN, EREFUSED, ENOCLAIM, ECONFLICT) or the store's StoreError; after a lost answer the addresses may be held already:
   * ask again, or release.
   */
  async allocate(request: AllocationRequest): Promise<Assigned[]> {
    const assigned = await this.#enqueue((draft) => allocate(draft, request));
    if (this.#ahead) for (const pool of new Set(assigned.map((one) => one.pool))) this.#claimAhead(pool);
    return assigned;
  }

  /** Gives back the addresses of the container's interface and says which; none is no error. A claim's stay the claim's. */
  release(owner: Owner, options?: ReleaseOptions): Promise<string[]> {
    return this.#enqueue((draft) => release(draft, owner, options));
  }

  /** Gives back one address, whoever of this host holds it. Throws IpamError ESTALE when that is no longer the allocation of this number. */
  releaseAddress(held: Pick<Held, 'address' | 'sequence' | 'space'>): Promise<void> {
    return this.#enqueue((draft) => releaseAddress(draft, held));
  }

  /** Gives back blocks that have been empty for as long as IpamConfig says, and says which. */
  releaseEmptyBlocks(): Promise<string[]> {
    return this.#enqueue(releaseEmptyBlocks);
  }

  /** Takes away an own block (CIDR) of which nothing is held. Throws IpamError EINUSE, ESTALE. */
  dropBlock(cidr: string): Promise<void> {
    return this.#enqueue((draft) => dropBlock(draft, cidr));
  }

  /** Says in an own block that it is of that pool, which has to be around it. Throws IpamError ENOPOOL, ESTALE. */
  moveBlock(cidr: string, pool: string): Promise<void> {
    return this.#enqueue((draft) => moveBlock(draft, cidr, pool));
  }

  /** Cuts an own block into such of the prefix length, and gives those back of which nothing is held. Says what is left. Throws IpamError EINUSE, ESTALE. */
  splitBlock(cidr: string, prefixLength: number): Promise<string[]> {
    return this.#enqueue((draft) => splitBlock(draft, cidr, prefixLength));
  }

  /** In the name of a host that is gone: what `surrender` says, refused with ECONFLICT while the host gives signs of life. */
  async surrender(options: { all: boolean }): Promise<Surrendered> {
    const all: Surrendered = { addresses: [], blocks: [] };
    for (;;) {
      const { addresses, blocks } = await this.#enqueue((draft) => surrender(draft, options));
      if (addresses.length + blocks.length === 0) return all;
      all.addresses.push(...addresses);
      all.blocks.push(...blocks);
    }
  }

  /** Takes nothing. Throws what an `allocate` for a new owner would throw now. */
  async probe({ network, space, pools, families }: Pick<AllocationRequest, 'network' | 'space' | 'pools' | 'families'>): Promise<void> {
    const request = {
      containerId: '(any)',
      interfaceName: 'a new interface',
      network,
      ...(space !== undefined && { space }),
      ...(pools && { pools }),
      ...(families && { families }),
    };
    let view = await readView(this.#store, this.#host);
    for (;;) {
      const outcome = allocate(new Draft(view, new Map(this.#recent), { now: this.#now() }), request);
      if ('refused' in outcome) throw outcome.refused;
      if ('done' in outcome) return;
      view = await withNeed(this.#store, view, outcome.needs);
    }
  }

  /** Everything that the host holds, read from the store. */
  async held(): Promise<Held[]> {
    const { holdings } = await readView(this.#store, this.#host);
    return [...holdings.blocks.values()].flatMap(({ value: { cidr, network: space, allocations } }) =>
      Object.entries(allocations).flatMap(([address, { host, containerId, interfaceName, network, ...rest }]): Held[] => {
        if (host !== this.#host || containerId === undefined) return [];
        return [
          {
            ...rest,
            containerId,
            interfaceName: interfaceName!,
            network: network ?? '',
            ...(space !== undefined && { space }),
            address,
            block: cidr,
          },
        ];
      }),
    );
  }

  /** Nobody waits for it: who needs the block and does not find it claims it then. In a pool that has none left it is not tried again soon. */
  #claimAhead(pool: string): void {
    if (this.#view === undefined || !runsLow({ view: this.#view }, pool) || (this.#noneAhead.get(pool) ?? 0) > this.#now()) return;
    this.#noneAhead.set(pool, this.#now() + AHEAD_INTERVAL);
    this.#enqueue((draft) => claimAhead(draft, pool)).then(
      (block) => block !== undefined && this.#noneAhead.delete(pool),
      () => {},
    );
  }

  #enqueue<T>(plan: (draft: Draft) => Outcome<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#queue.push({ plan, resolve: resolve as (value: unknown) => void, reject });
    void this.#drain();
    return promise;
  }

  async #drain(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // Calls made in the same turn of the event loop belong to the same group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0);
      try {
        const left = await this.#commit(group);
        this.#queue.unshift(...left);
      } catch (error) {
        // The answer may have got lost on its way, so nothing that was known is certain.
        this.#view = undefined;
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = false;
  }

  /** Does as much of the group as fits in one transaction, settles it, and returns the rest. */
  async #commit(group: Work[]): Promise<Work[]> {
    let upToDate = this.#view === undefined;
    let view = this.#view ?? (await readView(this.#store, this.#host));
    for (let refusals = 0; refusals < MAX_TRIES; ) {
      const draft = new Draft(view, this.#recent, { now: this.#now(), refusals });
      const outcomes = planInOrder(group, draft);
      const need = outcomes.find((outcome) => 'needs' in outcome)?.needs;
      if (need !== undefined) {
        view = await withNeed(this.#store, view, need);
        continue;
      }
      if (outcomes.some((outcome) => 'refused' in outcome) && !upToDate) {
        // Before anyone is turned away: pools that were written past their guard, too, are looked at.
        view = await readView(this.#store, this.#host);
        upToDate = true;
        continue;
      }
      const transaction = draft.transaction();
      const result = await this.#store.transact(transaction);
      if (result.committed) {
        this.#view = draft.committed(result.revision);
        for (const block of draft.written) this.#onWritten(blockObject(block), result.revision);
        for (const { written } of draft.companions) written(result.revision);
        for (const [index, outcome] of outcomes.entries()) settle(group[index]!, outcome);
        return group.slice(outcomes.length);
      }
      const wait = pause(refusals++);
      if (wait > 0) await delay(wait);
      const current = new Map<string, Entry | undefined>(transaction.when.map(({ key }, index) => [key, result.current[index]]));
      view = await refreshView(this.#store, view, current);
      // Who keeps being refused sees too little of what others did.
      if (refusals % REFUSALS_PER_LIST === 0) view = withoutCluster(view);
    }
    throw new IpamError(
      'ECONFLICT',
      `host "${this.#host}" lost ${MAX_TRIES} races for its blocks to other processes: try again, and look for a second agent of that name`,
    );
  }
}

function withNeed(store: Store, view: View, need: Need): Promise<View> {
  if (need === 'ranges') return withRanges(store, view);
  if (need === 'lenders') return withLenders(store, view);
  if (need === 'cluster') return withCluster(store, view);
  return 'claim' in need ? withClaim(store, view, need.claim) : withBlock(store, view, need.block);
}

function planInOrder(group: Work[], draft: Draft): Outcome<unknown>[] {
  const outcomes: Outcome<unknown>[] = [];
  for (const { plan } of group) {
    if (draft.full) break;
    outcomes.push(plan(draft));
  }
  return outcomes;
}

function settle(work: Work, outcome: Outcome<unknown>): void {
  if ('done' in outcome) work.resolve(outcome.done);
  else if ('refused' in outcome) work.reject(outcome.refused);
}
