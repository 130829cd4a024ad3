import type { Store } from '../store.ts';

/** Adds one to a number in the store, `times` over, whoever else does. */
export async function increment(store: Store, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const entry = await store.get(key);
    const value = `${Number(entry?.value ?? 0) + 1}`;
    const { committed } = await store.transact({ when: [{ key, revision: entry?.revision ?? 0 }], then: [{ put: key, value }] });
    if (committed) done++;
  }
}
