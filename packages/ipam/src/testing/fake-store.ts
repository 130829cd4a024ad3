/** A store in memory, for tests only: it can be told to lose a transaction before, or its answer after, it was done. */
import { type Entry, type ListOptions, type Store, StoreError, type Transaction, type TransactionResult } from '@weir/datastore';

export type Fault = 'none' | 'lost request' | 'lost answer';

export class FakeStore implements Store {
  readonly #entries = new Map<string, Entry>();
  #revision = 1;
  transactions = 0;
  refused = 0;
  /** Asked before each transaction. */
  fault: () => Fault = () => 'none';
  /** Runs before each transaction is looked at: a place for others to get in between. */
  interfere: () => Promise<void> = async () => {};

  async get(key: string): Promise<Entry | undefined> {
    return this.#entries.get(key);
  }

  async list(prefix: string, { keysOnly = false }: ListOptions = {}): Promise<{ entries: Entry[]; revision: number }> {
    const found = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1));
    return { entries: keysOnly ? found.map((entry) => ({ ...entry, value: '' })) : found, revision: this.#revision };
  }

  async transact({ when, then }: Transaction): Promise<TransactionResult> {
    this.transactions++;
    await this.interfere();
    const fault = this.fault();
    if (fault === 'lost request') throw new StoreError('EUNAVAILABLE', 'the request got lost');
    const current = when.map(({ key }) => this.#entries.get(key));
    if (when.some(({ revision }, index) => revision !== (current[index]?.revision ?? 0))) {
      this.refused++;
      if (fault === 'lost answer') throw new StoreError('EUNAVAILABLE', 'the answer got lost', { maybeCommitted: true });
      return { committed: false, current };
    }
    if (then.length > 0) this.#revision++;
    const revision = this.#revision;
    for (const operation of then) {
      if ('delete' in operation) this.#entries.delete(operation.delete);
      else {
        const { put: key, value } = operation;
        this.#entries.set(key, { key, value, revision, created: this.#entries.get(key)?.created ?? revision });
      }
    }
    if (fault === 'lost answer') throw new StoreError('EUNAVAILABLE', 'the answer got lost', { maybeCommitted: true });
    return { committed: true, revision };
  }

  watch(): never {
    throw new StoreError('EINVAL', 'the fake store has no watch');
  }

  lease(): never {
    throw new StoreError('EINVAL', 'the fake store has no leases');
  }

  async close(): Promise<void> {}
}
