import type { Place } from './place.ts';

/** A stored key with its value and the revisions that wrote it. */
export interface Entry {
  key: string;
  value: string;
  /** Revision of the last write of this key (etcd: mod_revision). */
  revision: number;
  /** Revision of the write that made the key, after it was last absent (etcd: create_revision). */
  created: number;
  /** The lease that the key goes with; absent: it stays. A watch need not tell it. */
  lease?: LeaseId;
}

/** Holds when the key's `revision` equals the given one; 0 says that the key is absent. */
export interface Condition {
  key: string;
  revision: number;
}

/** Decimal text: etcd's lease ids are 64 bits wide. */
export type LeaseId = string;

export type Operation = { put: string; value: string; lease?: LeaseId } | { delete: string };

export interface Transaction {
  when: Condition[];
  then: Operation[];
}

/** `current` holds the entries of the `when` keys, in their order, as they were when the transaction was refused. */
export type TransactionResult = { committed: true; revision: number } | { committed: false; current: (Entry | undefined)[] };

export type StoreEvent = { type: 'put'; entry: Entry } | { type: 'delete'; key: string; revision: number };

/** All events of one revision under the watched prefix, in the order of the transaction's operations. */
export interface Change {
  revision: number;
  events: StoreEvent[];
}

export interface Listed {
  entries: Entry[];
  revision: number;
  /** Names the history that the revisions count. Absent where a store cannot have another one while it is open. */
  history?: string;
}

export interface ListOptions {
  /** The entries come with empty values, whose transport and parsing would cost more than they are worth to who wants the keys. Default false. */
  keysOnly?: boolean;
}

/** `from` is the first revision wanted: `placeBehind` a list goes on where that ended. */
export interface WatchOptions extends Place {
  /** Aborting ends the iteration without an error. */
  signal?: AbortSignal;
}

/** Keys put with a lease vanish with it. Its holder's process renews it until `revoke()` or the store's `close()`. */
export interface Lease {
  id: LeaseId;
  /** Seconds that it outlives its holder; a server may have granted more than was asked for. */
  ttlSeconds: number;
  /** Resolves when the lease has expired or another revoked it; never after one's own `revoke()` or `close()`. */
  lost: Promise<void>;
  /** Ends the lease and deletes its keys, in one revision. A lease that is gone already is no error. */
  revoke(): Promise<void>;
}

/**
 * A key-value store with etcd's semantics: https://etcd.io/docs/v3.4/learning/api/
 *
 * - One revision counter for the whole store, 1 when empty; each transaction that changes something takes the next revision.
 *   A transaction that changes nothing (deletes of absent keys) takes none.
 * - Keys and values are Unicode text; keys are ordered by their UTF-8 bytes.
 * - Failures are `StoreError`s. After `close()` each call fails with ECLOSED.
 */
export interface Store {
  get(key: string): Promise<Entry | undefined>;
  /** All entries whose key begins with `prefix` (plain text: `/a` finds `/ab` too), sorted by key, as of one revision. */
  list(prefix: string, options?: ListOptions): Promise<Listed>;
  /**
   * Does all of `then`, in one revision, if each of `when` holds; else nothing.
   * `revision` of the result is the store's after the transaction. A key may stand once in `then` (EINVAL).
   * A `put` without lease takes the key off the lease it had. An unknown lease fails with ELEASE and nothing is done.
   */
  transact(transaction: Transaction): Promise<TransactionResult>;
  /**
   * The changes under `prefix` from revision `from` on: whole revisions, in order, none missing, none twice, over reconnects too.
   * Throws ECOMPACTED when `from` is no longer kept: list again.
   * Throws EHISTORY when the store's history is not the one that the caller knows: `from` lies ahead of it, `seen` was not in it, or `history` is
   * another. List again, and take nothing for known because of its revision.
   * Throws EUNAVAILABLE when the store could not be reached for its timeout; a new watch from the last revision seen plus one goes on.
   * Throws ECLOSED when the store is closed.
   */
  watch(prefix: string, options: WatchOptions): AsyncIterable<Change>;
  lease(ttlSeconds: number): Promise<Lease>;
  /** Ends watches and renewals and frees all handles. Leases are left to expire. May be called twice. */
  close(): Promise<void>;
}
