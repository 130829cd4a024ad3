export { type InvalidObject, ObjectStore, type PutOptions, type Versioned } from './objects.ts';
export { type OpenOptions, openStore } from './open-store.ts';
export { parseEntry } from './parse-entry.ts';
export { Rehearsal } from './rehearsal.ts';
export type { ObjectEvent } from './snapshot-and-watch.ts';
export type {
  Change,
  Condition,
  Entry,
  Lease,
  LeaseId,
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
export {
  type EmbeddedOptions,
  type EtcdOptions,
  resolveStoreOptions,
  type StoreOptionSources,
  type StoreOptions,
} from './store-options.ts';
