import { parseArgs } from 'node:util';
import type { StoreBackend } from '@weir/lab';

/** `--store embedded|etcd`. @throws Error for any other flag or store */
export function readStoreFlag(): StoreBackend | undefined {
  const { values } = parseArgs({ options: { store: { type: 'string' }, json: { type: 'boolean' } } });
  if (values.store === undefined || values.store === 'embedded' || values.store === 'etcd') return values.store;
  throw new Error(`--store ${values.store} is not known: embedded or etcd`);
}
