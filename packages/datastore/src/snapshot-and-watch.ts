import { setImmediate, setTimeout } from 'node:timers/promises';
import { type Kind, keyPrefix, type ObjectId, type ObjectOf, parseKey } from '@weir/resources';
import type { IBackoff } from 'cockatiel';
import { looseValue, parseEntry } from './parse-entry.ts';
import type { Entry, Store } from './store.ts';
import { StoreError } from './store-error.ts';

/**
 * - put: the object is there in this form
 * - remove: what a put or an invalid told of is gone
 * - invalid: the value under the key is no valid object (`id` says which it should be, if the key can be read), parsed as far as it is JSON
 * - synced: all that was there at `revision` has been told
 * - disconnected: the store cannot be used, for the reason of `error`; what was told may be old. Told once per outage
 * - connected: the outage is over; what changed meanwhile follows
 */
export type ObjectEvent<K extends Kind = Kind> =
  | { type: 'put'; object: { [P in K]: ObjectOf<P> }[K]; revision: number }
  | ({ type: 'remove'; revision: number } & ObjectId)
  | { type: 'invalid'; key: string; id?: ObjectId; value: unknown; error: Error; revision: number }
  | { type: 'synced'; revision: number }
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
 * has the changes (ECOMPACTED), all is listed again, the difference is told, and `synced` once more.
 * Ends when `signal` is aborted. Throws ECLOSED when the store is closed.
 */
export async function* snapshotAndWatch<K extends Kind>(
  store: Store,
  kinds: readonly K[],
  { signal, isKnown }: WatchObjectsOptions = {},
): AsyncGenerator<ObjectEvent<K>> {
  const view = new View(kinds, isKnown);
  let next: number | undefined;
  let connected = true;
  let backoff: IBackoff<unknown> | undefined;
  while (!signal?.aborted) {
    try {
      const listed = next === undefined ? await store.list(view.prefix) : undefined;
      // A watch does not tell that it has begun; a read does tell that the store answers.
      if (!listed && !connected) await store.get(view.prefix);
      if (!connected) yield { type: 'connected' };
      connected = true;
      if (listed) {
        yield* view.replace(listed.entries, listed.revision);
        yield { type: 'synced', revision: listed.revision };
        next = listed.revision + 1;
      }
      for await (const { revision, events } of store.watch(view.prefix, { from: next!, signal })) {
        for (const event of events) {
          const told = event.type === 'put' ? view.put(event.entry) : view.remove(event.key, revision);
          if (told) yield told;
        }
        next = revision + 1;
        backoff = undefined;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof StoreError) || error.code === 'ECLOSED' || error.code === 'EINVAL') throw error;
      if (error.code === 'ECOMPACTED') next = undefined;
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

  put(entry: Entry): ObjectEvent<K> | undefined {
    const { key, revision } = entry;
    if (!this.#wants(key)) return undefined;
    this.#told.set(key, revision);
    if (this.#isKnown(key, revision)) return undefined;
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

  async *replace(entries: Entry[], revision: number): AsyncGenerator<ObjectEvent<K>> {
    const listed = new Set(entries.map(({ key }) => key));
    for (const key of [...this.#told.keys()]) {
      const told = listed.has(key) ? undefined : this.remove(key, revision);
      if (told) yield told;
    }
    let parsed = 0;
    for (const entry of entries) {
      if (this.#told.get(entry.key) === entry.revision) continue;
      if (++parsed % OBJECTS_PER_TURN === 0) await setImmediate();
      const told = this.put(entry);
      if (told) yield told;
    }
  }

  #wants(key: string): boolean {
    return this.#kinds.has(key.slice(ALL_KINDS.length).split('/', 1)[0]!);
  }
}
