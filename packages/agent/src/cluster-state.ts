/**
 * The latest known objects, whoever told of them: the watch of the store, or this agent's own write, which must be in force before the
 * watch brings it back. The revision decides which news is newer, so the two ways never undo each other.
 */
import { type AnyObject, keyOf, type Kind, type ObjectOf } from '@weir/resources';

export type Listener = (change: { key: string; before?: AnyObject; after?: AnyObject }) => void;

interface Known {
  revision: number;
  /** Absent: deleted at that revision. */
  object?: AnyObject;
}

export class ClusterState {
  readonly #known = new Map<string, Known>();
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  put(object: AnyObject, revision: number): void {
    this.#learn(keyOf(object), { revision, object });
  }

  /** @param key as of `keyOf` */
  remove(key: string, revision: number): void {
    this.#learn(key, { revision });
  }

  get(key: string): AnyObject | undefined {
    return this.#known.get(key)?.object;
  }

  *list<K extends Kind>(kind: K): Generator<ObjectOf<K>> {
    for (const { object } of this.#known.values()) if (object?.kind === kind) yield object as ObjectOf<K>;
  }

  #learn(key: string, news: Known): void {
    const known = this.#known.get(key);
    if (known !== undefined && known.revision >= news.revision) return;
    // A deletion is remembered until the next write: an older put may still be on its way.
    this.#known.set(key, news);
    if (known?.object === undefined && news.object === undefined) return;
    this.#listener({ key, before: known?.object, after: news.object });
  }
}
