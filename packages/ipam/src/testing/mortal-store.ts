/** One process' way to a store, for tests only: it can be killed before or after any call, and then neither it nor its caller ever hears again. */
import type { ListOptions, Store, Transaction } from '@weir/datastore';

export class MortalStore implements Store {
  readonly #store: Store;
  readonly #death = Promise.withResolvers<void>();
  /** Moments left to live: one before and one after each call. */
  moments = Number.POSITIVE_INFINITY;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves when it is killed. */
  get death(): Promise<void> {
    return this.#death.promise;
  }

  get(key: string): ReturnType<Store['get']> {
    return this.#live(() => this.#store.get(key));
  }

  list(prefix: string, options?: ListOptions): ReturnType<Store['list']> {
    return this.#live(() => this.#store.list(prefix, options));
  }

  transact(transaction: Transaction): ReturnType<Store['transact']> {
    return this.#live(() => this.#store.transact(transaction));
  }

  watch(): never {
    throw new Error('not of use here');
  }

  lease(): never {
    throw new Error('not of use here');
  }

  async close(): Promise<void> {}

  async #live<T>(call: () => Promise<T>): Promise<T> {
    await this.#moment();
    try {
      return await call();
    } finally {
      await this.#moment();
    }
  }

  async #moment(): Promise<void> {
    if (this.moments-- > 0) return;
    this.#death.resolve();
    await new Promise<never>(() => {});
  }
}
