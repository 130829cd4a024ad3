/**
 * Desired state, actual state, and the difference between them, kept up as either changes. Pure.
 *
 *            desired                 actual
 *        ┌─────────────────┬───────────────────────┐
 *        │ pending set     │ in step │ pending      │
 *        │ (new)           │         │ delete       │
 *        └─────────────────┴───────────────────────┘
 *   A key in both whose values differ is a pending set too.
 *
 * Every change costs one map operation or two, whatever the size of the whole; the difference costs its own size to read.
 */
export interface DeltaTrackerOptions<V> {
  /** Whether two values mean the same to the kernel; default Object.is. */
  equal?: (a: V, b: V) => boolean;
}

/** What has to be done so that actual becomes desired. */
export interface Pending<K, V> {
  set: Map<K, V>;
  delete: Set<K>;
}

/** Keys are compared as by Map: use strings or numbers. */
export class DeltaTracker<K, V> {
  readonly #equal: (a: V, b: V) => boolean;
  readonly #desired = new Map<K, V>();
  readonly #actual = new Map<K, V>();
  readonly #pendingSet = new Set<K>();
  readonly #pendingDelete = new Set<K>();

  constructor(options: DeltaTrackerOptions<V> = {}) {
    this.#equal = options.equal ?? Object.is;
  }

  get desired(): ReadonlyMap<K, V> {
    return this.#desired;
  }

  get actual(): ReadonlyMap<K, V> {
    return this.#actual;
  }

  /** Whether there is nothing to do. */
  get inStep(): boolean {
    return this.#pendingSet.size === 0 && this.#pendingDelete.size === 0;
  }

  desire(key: K, value: V): void {
    this.#desired.set(key, value);
    this.#compare(key);
  }

  undesire(key: K): void {
    this.#desired.delete(key);
    this.#compare(key);
  }

  /** Replaces all that is desired; costs the size of both. */
  setDesired(desired: Iterable<readonly [K, V]>): void {
    this.#replace(this.#desired, desired);
  }

  /** Replaces what is known of the actual state, after all of it was read; costs the size of both. */
  setActual(actual: Iterable<readonly [K, V]>): void {
    this.#replace(this.#actual, actual);
  }

  /** One key of the actual state turned out to be so, or to be absent (undefined): the kernel told, or a write failed halfway. */
  observe(key: K, value: V | undefined): void {
    if (value === undefined) this.#actual.delete(key);
    else this.#actual.set(key, value);
    this.#compare(key);
  }

  /** A copy of what is to be done; what happens to the tracker later leaves it alone. */
  pending(): Pending<K, V> {
    return {
      set: new Map(Array.from(this.#pendingSet, (key) => [key, this.#desired.get(key) as V])),
      delete: new Set(this.#pendingDelete),
    };
  }

  /** Something of it was done. Give what was done, not what is desired by now: a value desired meanwhile stays pending. */
  applied(done: { set?: Iterable<readonly [K, V]>; delete?: Iterable<K> }): void {
    for (const [key, value] of done.set ?? []) {
      this.#actual.set(key, value);
      this.#compare(key);
    }
    for (const key of done.delete ?? []) {
      this.#actual.delete(key);
      this.#compare(key);
    }
  }

  #replace(side: Map<K, V>, entries: Iterable<readonly [K, V]>): void {
    const gone = new Set(side.keys());
    side.clear();
    for (const [key, value] of entries) {
      side.set(key, value);
      gone.delete(key);
      this.#compare(key);
    }
    for (const key of gone) this.#compare(key);
  }

  #compare(key: K): void {
    const wanted = this.#desired.has(key);
    const there = this.#actual.has(key);
    if (wanted && !(there && this.#equal(this.#desired.get(key) as V, this.#actual.get(key) as V))) this.#pendingSet.add(key);
    else this.#pendingSet.delete(key);
    if (there && !wanted) this.#pendingDelete.add(key);
    else this.#pendingDelete.delete(key);
  }
}
