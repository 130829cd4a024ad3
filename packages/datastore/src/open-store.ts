import type { Store } from './store.ts';
import type { StoreOptions } from './store-options.ts';

/**
 * Opens the store that `resolveStoreOptions` found; only its backend's code is loaded.
 * Throws EUNAVAILABLE, ETLS or EAUTH when it cannot be used.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  if (options.backend === 'embedded') {
    const { openEmbeddedStore } = await import('./embedded/embedded-store.ts');
    return openEmbeddedStore(options);
  }
  const { openEtcdStore } = await import('./etcd/etcd-store.ts');
  return openEtcdStore(options);
}
