/**
 * Addresses for the containers of one host, by transactions on the store.
 *
 * What the allocator remembers is a view of the store whose every use is checked by the conditions of a transaction. So a free address in an
 * owned block costs one transaction, and an outdated view costs another try, never a wrong address.
 * Calls that arrive while a transaction is under way share the next one: in a process, allocations do not race each other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Entry, Store } from '@weir/datastore';
import type { Owner } from './block.ts';
import { type AllocationRequest, type Assigned, Draft, type Outcome } from './draft.ts';
import { IpamError } from './ipam-error.ts';
import { readView, refreshView, type View, withCluster } from './view.ts';

export interface AllocatorOptions {
  store: Store;
  /** Name of the host whose blocks these are. */
  host: string;
}

/** An address that the host holds. */
export interface Held extends Owner {
  address: string;
  network: string;
  /** As in the request. */
  namespace?: string;
  /** CIDR. */
  block: string;
}

interface Work {
  plan(draft: Draft): Outcome<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Each refusal means that someone else got on, so many in a row need many contenders. */
const MAX_TRIES = 100;

/** Waits, ms: the first tries at once, later ones spread out so that contenders do not meet again. */
const pause = (refusals: number): number => (refusals < 3 ? 0 : Math.random() * Math.min(2 ** refusals, 50));

export class Allocator {
  readonly #store: Store;
  readonly #host: string;
  readonly #recent = new Map<string, string>();
  #view: View | undefined;
  #queue: Work[] = [];
  #running = false;

  constructor({ store, host }: AllocatorOptions) {
    this.#store = store;
    this.#host = host;
  }

  /**
   * One address of each family, or none at all. Asked again for the same container and interface it answers with the same addresses.
   * Throws IpamError (ENOPOOL, EEXHAUSTED, EOUTSIDE, ETAKEN, EREFUSED, ECONFLICT) or the store's StoreError; after a lost answer the addresses may be held already:
   * ask again, or release.
   */
  allocate(request: AllocationRequest): Promise<Assigned[]> {
    return this.#enqueue((draft) => draft.allocate(request));
  }

  /** Gives back all addresses of the container's interface and says which; none is no error. */
  release(owner: Owner): Promise<string[]> {
    return this.#enqueue((draft) => draft.release(owner));
  }

  /** Everything that the host holds, read from the store. */
  async held(): Promise<Held[]> {
    const { blocks } = await readView(this.#store, this.#host);
    return [...blocks.values()].flatMap(({ value: { cidr, allocations } }) =>
      Object.entries(allocations)
        .filter(([, { host }]) => host === this.#host)
        .map(([address, { host: _, ...allocation }]) => ({ ...allocation, address, block: cidr })),
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
      const draft = new Draft(view, this.#recent);
      const outcomes = planInOrder(group, draft);
      if (outcomes.some((outcome) => 'needs' in outcome)) {
        view = await withCluster(this.#store, view);
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
        for (const [index, outcome] of outcomes.entries()) settle(group[index]!, outcome);
        return group.slice(outcomes.length);
      }
      const wait = pause(refusals++);
      if (wait > 0) await delay(wait);
      const current = new Map<string, Entry | undefined>(transaction.when.map(({ key }, index) => [key, result.current[index]]));
      view = await refreshView(this.#store, view, current);
    }
    throw new IpamError(
      'ECONFLICT',
      `host "${this.#host}" lost ${MAX_TRIES} races for its blocks to other processes: try again, and look for a second agent of that name`,
    );
  }
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
