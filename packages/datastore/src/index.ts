export { type InvalidObject, ObjectStore, type Versioned } from './objects.ts';
export { openStore } from './open-store.ts';
export { parseEntry } from './parse-entry.ts';
export { Rehearsal } from './rehearsal.ts';
export type { ObjectEvent } from './snapshot-and-watch.ts';
export type {
  Change,
  Condition,
  Entry,
  Lease,
  Listed,
  ListOptions,
  Operation,
  Store,
  StoreEvent,
  Transaction,
  TransactionResult,
  WatchOptions,
} from './store.ts';
export { StoreError, type StoreErrorCode } from './store-error.ts';
export { type EtcdOptions, resolveStoreOptions, type StoreOptions } from './store-options.ts';
