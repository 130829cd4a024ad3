import type { Transaction } from './store.ts';
import { StoreError } from './store-error.ts';

/** Refuses what etcd would refuse, alike for every backend. Throws EINVAL. */
export function checkTransaction({ when, then }: Transaction): void {
  const changed = new Set<string>();
  for (const operation of then) {
    const key = 'put' in operation ? operation.put : operation.delete;
    checkKey(key);
    if (changed.has(key))
      throw new StoreError('EINVAL', `key ${JSON.stringify(key)} stands twice in one transaction; each key may change once`);
    changed.add(key);
  }
  for (const { key, revision } of when) {
    checkKey(key);
    if (!Number.isSafeInteger(revision) || revision < 0) {
      throw new StoreError(
        'EINVAL',
        `condition on ${JSON.stringify(key)}: revision ${revision} is no revision; give 0 for absent or the revision read`,
      );
    }
  }
}

/** Throws EINVAL for the empty key, which etcd does not store. */
export function checkKey(key: string): void {
  if (key === '') throw new StoreError('EINVAL', 'a key may not be empty');
}

/** Throws EINVAL unless `from` can be a revision. */
export function checkFrom(from: number): void {
  if (!Number.isSafeInteger(from) || from < 1)
    throw new StoreError('EINVAL', `watch from revision ${from}: revisions are whole numbers from 1 on`);
}

/** Throws EINVAL unless whole seconds, at least one (etcd grants no less). */
export function checkTtl(ttlSeconds: number): void {
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1)
    throw new StoreError('EINVAL', `lease of ${ttlSeconds} s: give whole seconds, at least 1`);
}
