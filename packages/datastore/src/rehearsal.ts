import { checkKey, checkTransaction } from './check-transaction.ts';
import type { Change, Entry, Lease, ListOptions, Operation, Store, Transaction, TransactionResult } from './store.ts';
import { StoreError } from './store-error.ts';

/** No store comes to it by counting, so a write here is never taken for one of the store below, which goes on meanwhile. */
const FIRST_REVISION = 2 ** 52;

/**
 * A store on top of another one that keeps what is written to itself: who reads through it sees the store below as it would be, and
 * nothing is written there. What decides by reading and transacting so says beforehand what it would do, with the rules that it has.
 *
 * Leases and watches are refused with EINVAL; closing it leaves the store below open.
 */
export class Rehearsal implements Store {
  readonly #below: Store;
  /** By key; undefined: deleted. */
  readonly #written = new Map<string, Entry | undefined>();
  #revision = FIRST_REVISION;

  constructor(below: Store) {
    this.#below = below;
  }

  /** What it would have put, by key; undefined where it would have deleted. */
  get written(): ReadonlyMap<string, Entry | undefined> {
    return this.#written;
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    return this.#written.has(key) ? this.#written.get(key) : this.#below.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<{ entries: Entry[]; revision: number }> {
    const { entries, revision } = await this.#below.list(prefix, options);
    const own = [...this.#written].filter(([key]) => key.startsWith(prefix));
    if (own.length === 0) return { entries, revision };
    const kept = entries.filter(({ key }) => !this.#written.has(key));
    const put = own.flatMap(([, entry]) => (entry === undefined ? [] : [options.keysOnly ? { ...entry, value: '' } : entry]));
    return { entries: [...kept, ...put].sort(byBytes), revision };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    const { when, then } = transaction;
    const current = await Promise.all(when.map(({ key }) => this.get(key)));
    if (when.some(({ revision }, index) => revision !== (current[index]?.revision ?? 0))) return { committed: false, current };
    const before = await Promise.all(then.map((operation) => this.get(keyOf(operation))));
    this.#revision++;
    for (const [index, operation] of then.entries()) this.#do(operation, before[index]);
    return { committed: true, revision: this.#revision };
  }

  #do(operation: Operation, before: Entry | undefined): void {
    if ('delete' in operation) {
      this.#written.set(operation.delete, undefined);
      return;
    }
    if (operation.lease !== undefined) throw new StoreError('EINVAL', 'what is only tried has no lease to go with');
    const { put: key, value } = operation;
    this.#written.set(key, { key, value, revision: this.#revision, created: before?.created ?? this.#revision });
  }

  watch(): AsyncIterable<Change> {
    throw new StoreError('EINVAL', 'what is only tried cannot be watched: nothing changes');
  }

  async lease(): Promise<Lease> {
    throw new StoreError('EINVAL', 'what is only tried has no lease to go with');
  }

  async close(): Promise<void> {}
}

const keyOf = (operation: Operation): string => ('put' in operation ? operation.put : operation.delete);

const byBytes = (left: Entry, right: Entry): number => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key));
