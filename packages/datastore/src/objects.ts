import { type AnyObject, type Kind, keyOf, keyPrefix, type ObjectOf, serialize } from '@weir/resources';
import { looseValue, parseEntry } from './parse-entry.ts';
import { type ObjectEvent, snapshotAndWatch, type WatchObjectsOptions } from './snapshot-and-watch.ts';
import type { Entry, LeaseId, Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** An object and the revision that wrote it, to be given back as the condition of the next write. */
export interface Versioned<O> {
  object: O;
  revision: number;
}

/** A stored value that is no valid object: written by another version of Weir, or by hand. */
export interface InvalidObject {
  key: string;
  revision: number;
  /** Parsed as far as it is JSON. */
  value: unknown;
  error: Error;
}

export interface PutOptions {
  /** Write only if the object is still at this revision; 0: only if it is absent. Without it, whatever is there is replaced. */
  revision?: number;
  /** The object vanishes with this lease. */
  lease?: LeaseId;
}

/** Weir's objects in a store, by kind and name. Failures are `StoreError`s. */
export class ObjectStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Throws the ValidationError when what is stored is no valid object. */
  async get<K extends Kind>(kind: K, name: string, namespace?: string): Promise<Versioned<ObjectOf<K>> | undefined> {
    const entry = await this.#store.get(keyPrefix(kind, namespace) + name);
    return entry && { object: parseEntry(entry) as ObjectOf<K>, revision: entry.revision };
  }

  /** The objects of a kind, of one namespace or all, sorted by key, as of one revision. One that is not valid does not keep the others back. */
  async list<K extends Kind>(
    kind: K,
    namespace?: string,
  ): Promise<{ objects: Versioned<ObjectOf<K>>[]; invalid: InvalidObject[]; revision: number }> {
    const { entries, revision } = await this.#store.list(keyPrefix(kind, namespace));
    const objects: Versioned<ObjectOf<K>>[] = [];
    const invalid: InvalidObject[] = [];
    for (const entry of entries) {
      try {
        objects.push({ object: parseEntry(entry) as ObjectOf<K>, revision: entry.revision });
      } catch (error) {
        invalid.push({ key: entry.key, revision: entry.revision, value: looseValue(entry), error: error as Error });
      }
    }
    return { objects, invalid, revision };
  }

  /** Writes a parsed object and returns its revision. Throws ECONFLICT when it is not at `revision`. */
  async put(object: AnyObject, { revision, lease }: PutOptions = {}): Promise<number> {
    const key = keyOf(object);
    const when = revision === undefined ? [] : [{ key, revision }];
    const result = await this.#store.transact({ when, then: [{ put: key, value: serialize(object), lease }] });
    if (!result.committed) throw conflict(key, revision!, result.current[0]);
    return result.revision;
  }

  /** `put` on the condition that there is no such object yet. */
  create(object: AnyObject, options: Omit<PutOptions, 'revision'> = {}): Promise<number> {
    return this.put(object, { ...options, revision: 0 });
  }

  /** Writes a parsed object in the place of one of another name or namespace, in one revision, and returns that. Throws ECONFLICT when the old one is not at `revision`. */
  async move(before: AnyObject, after: AnyObject, revision: number): Promise<number> {
    const key = keyOf(before);
    const then = [{ delete: key }, { put: keyOf(after), value: serialize(after) }];
    const result = await this.#store.transact({ when: [{ key, revision }], then });
    if (!result.committed) throw conflict(key, revision, result.current[0]);
    return result.revision;
  }

  /** Whether there was such an object. With `revision`, throws ECONFLICT when it is not at it. */
  async remove(kind: Kind, name: string, namespace?: string, options: { revision?: number } = {}): Promise<boolean> {
    const key = keyPrefix(kind, namespace) + name;
    const revision = options.revision ?? (await this.#store.get(key))?.revision;
    if (revision === undefined) return false;
    const result = await this.#store.transact({ when: [{ key, revision }], then: [{ delete: key }] });
    if (result.committed) return true;
    if (options.revision !== undefined) throw conflict(key, revision, result.current[0]);
    // Changed between reading and deleting: it is to go, whatever it is now.
    return this.remove(kind, name, namespace);
  }

  /** See `snapshotAndWatch`. */
  snapshotAndWatch<K extends Kind>(kinds: readonly K[], options?: WatchObjectsOptions): AsyncGenerator<ObjectEvent<K>> {
    return snapshotAndWatch(this.#store, kinds, options);
  }
}

function conflict(key: string, revision: number, current: Entry | undefined): StoreError {
  const wanted = revision === 0 ? 'was to be absent' : `was to be at revision ${revision}`;
  const found = current ? `is at revision ${current.revision}` : 'is absent';
  return new StoreError('ECONFLICT', `${key} ${wanted}, but ${found}; read it again and repeat the change on that`);
}
