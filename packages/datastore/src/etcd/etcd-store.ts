import type { Store } from '../store.ts';
import type { EtcdOptions } from '../store-options.ts';

export async function openEtcdStore(_options: EtcdOptions): Promise<Store> {
  throw new Error('unfinished');
}
