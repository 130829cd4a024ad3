import type { ObjectStore, Store } from '@weir/datastore';

/** The store, and the objects in it. */
export interface Stores {
  store: Store;
  objects: ObjectStore;
}
