import { keyPrefix, remoteEndpointName } from '@weir/resources';
import type { Precondition } from './precondition.ts';
import type { Stores } from './stores.ts';

/** etcd refuses transactions of more than 128 operations (--max-txn-ops). */
const KEYS_PER_TRANSACTION = 100;

/**
 * Takes a RemoteCluster away, from which moment on its endpoints are nobody's peers, and then these, whether or not an agent reads it: what was
 * cut off half-way is of no effect, and goes when it is deleted again or read again.
 *
 * @returns whether there was one
 */
export async function removeRemoteCluster({ store, objects }: Stores, name: string, { revision }: Precondition): Promise<boolean> {
  const wasThere = await objects.remove('RemoteCluster', name, undefined, revision === undefined ? {} : { revision });
  const { entries } = await store.list(keyPrefix('RemoteEndpoint'), { keysOnly: true });
  const isOfCluster = (key: string) => key.slice(key.lastIndexOf('/') + 1).startsWith(remoteEndpointName(name, ''));
  const keys = entries.map(({ key }) => key).filter(isOfCluster);
  for (let start = 0; start < keys.length; start += KEYS_PER_TRANSACTION)
    await store.transact({ when: [], then: keys.slice(start, start + KEYS_PER_TRANSACTION).map((key) => ({ delete: key })) });
  return wasThere || keys.length > 0;
}
