import type { Store } from './store.ts';
import type { StoreOptions } from './store-options.ts';

export interface OpenOptions {
  /**
   * Whether etcd is asked for a sign of life first; default true. An agent has to start, and to remove what it can, while its store is
   * away: without the question the first call that needs etcd finds out.
   */
  check?: boolean;
}

/**
 * Opens the store that `resolveStoreOptions` found; only its backend's code is loaded.
 * Throws EUNAVAILABLE, ETLS or EAUTH when it cannot be used.
 */
export async function openStore(options: StoreOptions, { check = true }: OpenOptions = {}): Promise<Store> {
  if (options.backend === 'embedded') {
    const { openEmbeddedStore } = await import('./embedded/embedded-store.ts');
    return openEmbeddedStore(options);
  }
  const { openEtcdStore } = await import('./etcd/etcd-store.ts');
  return openEtcdStore(options, check);
}
