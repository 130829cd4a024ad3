import { type AnyObject, keyOf, type ObjectId } from '@weir/resources';

/** What has become of an object: without `object` and `invalid` it is gone. */
export interface NotedChange {
  id: ObjectId;
  object?: AnyObject;
  /** It is there and cannot be read; what the store has. */
  invalid?: { value: unknown };
}

/** Changes that wait to be worked off: the last of each object, in the order in which the first of each came. */
export class NotedChanges {
  readonly #changes = new Map<string, NotedChange & { isAnother: boolean }>();

  get size(): number {
    return this.#changes.size;
  }

  note(change: NotedChange): void {
    const { kind, ...metadata } = change.id;
    const key = keyOf({ kind, metadata });
    const before = this.#changes.get(key);
    // An endpoint that went, and one of its name that came: what DNS told the first is not the second's.
    const isAnother = kind === 'Endpoint' && before !== undefined && (before.object === undefined || before.isAnother);
    this.#changes.set(key, { ...change, isAnother });
  }

  /** Hands them out by key, and an endpoint that went before another of its name came as gone first. */
  workOff(apply: (key: string, change: NotedChange) => void): void {
    for (const [key, change] of this.#changes) {
      if (change.isAnother) apply(key, { id: change.id });
      apply(key, change);
    }
    this.#changes.clear();
  }
}
