/** The endpoints of another cluster in this one's store: what is there, what is wanted, and the difference, written while this host leads. */
import type { Condition, Operation, Store } from '@weir/datastore';
import { keyOf, keyPrefix, parseKey, remoteEndpointName, serialize } from '@weir/resources';
import type { RemoteView } from './remote-view.ts';

/** etcd refuses transactions of more than 128 operations (--max-txn-ops). */
const WRITES_PER_TRANSACTION = 100;
/** So many of the largest are a request that etcd takes (--max-request-bytes, 1.5 MiB). */
const MOST_OF_ONE = 10 * 1024;
/** A cluster that floods us fills no etcd, whose quota is 2 GiB: that is room for half a million endpoints as they are. */
const MOST_OF_ALL = 256 * 1024 * 1024;

export class RemoteCopy {
  readonly #store: Store;
  readonly #held: Condition;
  readonly #view: RemoteView;
  /** What the store has, by key here. */
  readonly #actual: Map<string, string>;
  readonly #keyOf: (keyThere: string) => string;
  /** Keys there by keys here. */
  readonly #there = new Map<string, string>();
  /** Keys there of what may differ. */
  readonly #changed = new Set<string>();
  /** Keys here of what no endpoint there stands for, as far as is known. */
  readonly #unclaimed: Set<string>;
  readonly #refusals = new Map<string, string>();
  /** Characters of all that the store has. */
  #size: number;

  private constructor(of: { store: Store; held: Condition; view: RemoteView; cluster: string; actual: Map<string, string> }) {
    this.#store = of.store;
    this.#held = of.held;
    this.#view = of.view;
    this.#actual = of.actual;
    this.#unclaimed = new Set(of.actual.keys());
    this.#size = of.actual.values().reduce((sum, value) => sum + value.length, 0);
    this.#keyOf = (keyThere) => {
      const { namespace, name } = parseKey(keyThere)!;
      return keyOf({ kind: 'RemoteEndpoint', metadata: { namespace: namespace!, name: remoteEndpointName(of.cluster, name) } });
    };
  }

  /** @param held what every write rests on */
  static async open(of: { store: Store; held: Condition; view: RemoteView; cluster: string }): Promise<RemoteCopy> {
    const { entries } = await of.store.list(keyPrefix('RemoteEndpoint'));
    const prefix = remoteEndpointName(of.cluster, '');
    const own = entries.filter(({ key }) => key.slice(key.lastIndexOf('/') + 1).startsWith(prefix));
    return new RemoteCopy({ ...of, actual: new Map(own.map(({ key, value }) => [key, value])) });
  }

  /** How many endpoints the store has. */
  get count(): number {
    return this.#actual.size;
  }

  /** Of the endpoints that are not believed: how many, and one of them. */
  get refused(): { count: number; example: string | undefined } {
    const [first] = this.#refusals;
    const id = first && parseKey(first[0]);
    return { count: this.#refusals.size, example: first && `${id!.namespace}/${id!.name}: ${first[1]}` };
  }

  /** Takes note of endpoints that may have changed. @param keys there */
  changed(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#changed.add(key);
      const here = this.#keyOf(key);
      this.#there.set(here, key);
      this.#unclaimed.delete(here);
    }
  }

  /**
   * Takes note that the store has one no more: who deletes a RemoteCluster takes its endpoints along, and may make it anew at once.
   *
   * @param key here
   */
  lost(key: string): void {
    if (!this.#actual.has(key)) return;
    this.#note(key, undefined);
    this.#unclaimed.delete(key);
    const there = this.#there.get(key);
    if (there !== undefined) this.#changed.add(there);
  }

  /**
   * Writes what differs. To be called once all that is there is known, and after each change.
   *
   * @returns false when another leads by now
   */
  async write(): Promise<boolean> {
    for (;;) {
      const then = this.#nextOperations();
      if (then.length === 0) return true;
      const { committed } = await this.#store.transact({ when: [this.#held], then });
      if (!committed) return false;
      for (const operation of then) {
        if ('put' in operation) this.#note(operation.put, operation.value);
        else this.#note(operation.delete, undefined);
      }
    }
  }

  /** What the store has under a key. */
  #note(key: string, value: string | undefined): void {
    this.#size += (value?.length ?? 0) - (this.#actual.get(key)?.length ?? 0);
    if (value === undefined) this.#actual.delete(key);
    else this.#actual.set(key, value);
  }

  /** What was there before, and is no more, goes first: another may have its address by now. */
  #nextOperations(): Operation[] {
    const operations: Operation[] = [];
    for (const key of this.#unclaimed) {
      if (operations.length === WRITES_PER_TRANSACTION) return operations;
      this.#unclaimed.delete(key);
      operations.push({ delete: key });
    }
    for (const keyThere of this.#changed) {
      if (operations.length === WRITES_PER_TRANSACTION) return operations;
      this.#changed.delete(keyThere);
      const key = this.#keyOf(keyThere);
      const value = this.#wanted(keyThere, key);
      if (value === undefined) this.#there.delete(key);
      if (value === this.#actual.get(key)) continue;
      operations.push(value === undefined ? { delete: key } : { put: key, value });
    }
    return operations;
  }

  #wanted(keyThere: string, key: string): string | undefined {
    const wanted = this.#view.at(keyThere);
    const value = wanted === undefined || 'refusal' in wanted ? undefined : serialize(wanted);
    const refusal = wanted !== undefined && 'refusal' in wanted ? wanted.refusal : this.#excess(value, key);
    if (refusal === undefined) this.#refusals.delete(keyThere);
    else this.#refusals.set(keyThere, refusal);
    return refusal === undefined ? value : undefined;
  }

  #excess(value: string | undefined, key: string): string | undefined {
    if (value === undefined) return undefined;
    if (value.length > MOST_OF_ONE) return `has labels of more than ${MOST_OF_ONE / 1024} KiB`;
    const size = this.#size + value.length - (this.#actual.get(key)?.length ?? 0);
    return size > MOST_OF_ALL ? `its cluster has endpoints of more than ${MOST_OF_ALL / 1024 / 1024} MiB` : undefined;
  }
}
