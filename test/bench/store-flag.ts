import { parseArgs } from 'node:util';
import type { StoreBackend } from '@weir/lab';

/** `--store embedded|etcd`, beside the bench's own switches. @throws Error for any other flag or store */
export function readStoreFlag(switches: string[] = []): StoreBackend | undefined {
  const own = Object.fromEntries(['json', ...switches].map((name) => [name, { type: 'boolean' as const }]));
  const { values } = parseArgs({ options: { ...own, store: { type: 'string' } } });
  if (values.store === undefined || values.store === 'embedded' || values.store === 'etcd') return values.store;
  throw new Error(`--store ${values.store} is not known: embedded or etcd`);
}
