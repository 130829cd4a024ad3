import type { Transaction } from './store.ts';
import { StoreError } from './store-error.ts';

/** etcd's defaults of --max-txn-ops and, less some room for its own framing, --max-request-bytes (1.5 MiB). */
const MAXIMUM_OPERATIONS = 128;
const MAXIMUM_OCTETS = 1_500_000;

/** Refuses what etcd would refuse, alike for every backend, so that what works on the one works on the other. Throws EINVAL. */
export function checkTransaction({ when, then }: Transaction): void {
  if (Math.max(when.length, then.length) > MAXIMUM_OPERATIONS) {
    throw new StoreError(
      'EINVAL',
      `a transaction of ${when.length} conditions and ${then.length} operations; at most ${MAXIMUM_OPERATIONS} each, split it`,
    );
  }
  let octets = 0;
  const changed = new Set<string>();
  for (const operation of then) {
    const key = 'put' in operation ? operation.put : operation.delete;
    checkKey(key);
    if (changed.has(key))
      throw new StoreError('EINVAL', `key ${JSON.stringify(key)} stands twice in one transaction; each key may change once`);
    changed.add(key);
    octets += Buffer.byteLength(key) + ('put' in operation ? Buffer.byteLength(operation.value) : 0);
  }
  if (octets > MAXIMUM_OCTETS) throw new StoreError('EINVAL', `a transaction of ${octets} octets; at most ${MAXIMUM_OCTETS}, split it`);
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
