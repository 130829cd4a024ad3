import { setImmediate, setTimeout } from 'node:timers/promises';
import { type Kind, keyPrefix, type ObjectId, type ObjectOf, parseKey } from '@weir/resources';
import type { IBackoff } from 'cockatiel';
import { looseValue, parseEntry } from './parse-entry.ts';
import { type Place, placeAfter, placeBehind } from './place.ts';
import type { Entry, Listed, Store } from './store.ts';
import { StoreError } from './store-error.ts';

/**
 * - put: the object is there in this form
 * - remove: what a put or an invalid told of is gone
 * - invalid: the value under the key is no valid object (`id` says which it should be, if the key can be read), parsed as far as it is JSON
 * - synced: all that was there at `revision` has been told
 * - restored: the store's history is another one than before, as after a restore from a backup. What follows, up to `synced`, is all that it has;
 *   revisions that were told before say nothing of those that follow
 * - disconnected: the store cannot be used, for the reason of `error`; what was told may be old. Told once per outage
 * - connected: the outage is over; what changed meanwhile follows
 */
export type ObjectEvent<K extends Kind = Kind> =
  | { type: 'put'; object: { [P in K]: ObjectOf<P> }[K]; revision: number }
  | ({ type: 'remove'; revision: number } & ObjectId)
  | { type: 'invalid'; key: string; id?: ObjectId; value: unknown; error: Error; revision: number }
  | { type: 'synced'; revision: number }
  | { type: 'restored'; before: number; revision: number }
  | { type: 'disconnected'; error: StoreError }
  | { type: 'connected' };

export interface WatchObjectsOptions {
  signal?: AbortSignal | undefined;
  /** True for what the caller wrote itself and knows as an object: it is neither parsed nor told again. */
  isKnown?: ((key: string, revision: number) => boolean) | undefined;
}

const ALL_KINDS = '/weir/v1/';

/** A long snapshot lets the event loop turn after each so many objects: parsing takes some 30 µs each. */
const OBJECTS_PER_TURN = 100;

const BACKOFF = { initialDelay: 100, maxDelay: 5_000 };

/**
 * The state of some kinds, kept up to date: first a put for each object and `synced`, then each change as it comes, in the store's order, without a gap.
 *
 * An outage of the store ends nothing: it is told, tried again with growing pauses, and followed by what changed meanwhile. Where the store no longer
 * has the changes (ECOMPACTED), all is listed again, the difference is told at once, and `synced` once more. Where its history is another one, all
 * is told that is there now, too.
 * Ends when `signal` is aborted. Throws ECLOSED when the store is closed.
 */
export async function* snapshotAndWatch<K extends Kind>(
  store: Store,
  kinds: readonly K[],
  { signal, isKnown }: WatchObjectsOptions = {},
): AsyncGenerator<ObjectEvent<K>> {
  const view = new View(kinds, isKnown);
  let place: Place | undefined;
  let mustList = true;
  let isRestored = false;
  let connected = true;
  let backoff: IBackoff<unknown> | undefined;
  while (!signal?.aborted) {
    try {
      const listed = mustList ? await store.list(view.prefix) : undefined;
      // A watch does not tell that it has begun; a read does tell that the store answers.
      if (!listed && !connected) await store.get(view.prefix);
      if (!connected) yield { type: 'connected' };
      connected = true;
      if (listed) {
        isRestored ||= place !== undefined && view.isOfAnotherHistory(listed, place);
        const told = view.replace(listed, isRestored);
        // What is in force meanwhile is one or the other: who applies what he was told in a turn of his own finds no half of it.
        const changes = place === undefined ? told : await Array.fromAsync(told);
        if (isRestored) yield { type: 'restored', before: place!.from - 1, revision: listed.revision };
        yield* changes;
        yield { type: 'synced', revision: listed.revision };
        place = placeBehind(listed);
        isRestored = false;
        mustList = false;
      }
      for await (const change of store.watch(view.prefix, { ...place!, signal })) {
        for (const event of change.events) {
          const told = event.type === 'put' ? view.put(event.entry) : view.remove(event.key, change.revision);
          if (told) yield told;
        }
        place = placeAfter(place!, change);
        backoff = undefined;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof StoreError) || error.code === 'ECLOSED' || error.code === 'EINVAL') throw error;
      isRestored ||= error.code === 'EHISTORY';
      if (error.code === 'ECOMPACTED' || error.code === 'EHISTORY') mustList = true;
      else if (connected) {
        connected = false;
        yield { type: 'disconnected', error };
      }
      // The jitter keeps a thousand hosts' agents from listing all at the same moment.
      const { ExponentialBackoff } = await import('cockatiel');
      backoff = backoff?.next(undefined) ?? new ExponentialBackoff(BACKOFF).next();
      await setTimeout(backoff.duration, undefined, { signal }).catch(() => {});
    }
  }
}

/** What has been told, so that a new list can be told as its difference. */
class View<K extends Kind> {
  /** The longest prefix that all the kinds share. One list and one watch keep several kinds in one order. */
  readonly prefix: string;
  readonly #kinds: ReadonlySet<string>;
  readonly #told = new Map<string, number>();

  readonly #isKnown: NonNullable<WatchObjectsOptions['isKnown']>;

  constructor(kinds: readonly K[], isKnown: WatchObjectsOptions['isKnown'] = () => false) {
    this.#isKnown = isKnown;
    this.prefix = kinds.length === 1 ? keyPrefix(kinds[0]!) : ALL_KINDS;
    this.#kinds = new Set(kinds);
  }

  put(entry: Entry, isRestored = false): ObjectEvent<K> | undefined {
    const { key, revision } = entry;
    if (!this.#wants(key)) return undefined;
    this.#told.set(key, revision);
    if (!isRestored && this.#isKnown(key, revision)) return undefined;
    try {
      return { type: 'put', object: parseEntry(entry) as ObjectOf<K>, revision };
    } catch (error) {
      return { type: 'invalid', key, id: parseKey(key), value: looseValue(entry), error: error as Error, revision };
    }
  }

  remove(key: string, revision: number): ObjectEvent<K> | undefined {
    if (!this.#told.delete(key)) return undefined;
    const id = parseKey(key);
    return id && { type: 'remove', ...id, revision };
  }

  /** Whether it cannot have come of what was told: a key never goes back to a revision that it had. */
  isOfAnotherHistory({ entries, revision, history }: Listed, place: Place): boolean {
    if (history !== place.history || revision < place.from - 1) return true;
    return entries.some((entry) => entry.revision < (this.#told.get(entry.key) ?? 0));
  }

  /** @param isAll what is there as it was told is told, too, since revisions do not say that it is */
  async *replace({ entries, revision }: Listed, isAll: boolean): AsyncGenerator<ObjectEvent<K>> {
    const listed = new Set(entries.map(({ key }) => key));
    for (const key of [...this.#told.keys()]) {
      const told = listed.has(key) ? undefined : this.remove(key, revision);
      if (told) yield told;
    }
    let parsed = 0;
    for (const entry of entries) {
      if (!isAll && this.#told.get(entry.key) === entry.revision) continue;
      if (++parsed % OBJECTS_PER_TURN === 0) await setImmediate();
      const told = this.put(entry, isAll);
      if (told) yield told;
    }
  }

  #wants(key: string): boolean {
    return this.#kinds.has(key.slice(ALL_KINDS.length).split('/', 1)[0]!);
  }
}
