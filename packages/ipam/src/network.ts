/**
 * Networks as people write and delete them.
 *
 * Whether a network has its own address space decides which pools its containers take from, so every change of it is one of the pools' guard.
 */
import type { Store } from '@weir/datastore';
import { keyPrefix, type Network, type Pool, parseObject, serialize } from '@weir/resources';
import { POOLS_GUARD } from './guard.ts';
import { IpamError } from './ipam-error.ts';
import { decodePool, POOL_PREFIX } from './pool.ts';
import { type RemoveOptions, requireRevision } from './require-revision.ts';

export const NETWORK_PREFIX = keyPrefix('Network');

/** Others change pools seldom. */
const MAX_TRIES = 10;

/** Creates or replaces a network, at `revision` (0: there may be none yet), and gives its new one. Throws IpamError EINUSE, ECONFLICT. */
export async function admitNetwork(store: Store, network: Network, { revision }: { revision: number }): Promise<number> {
  const { name } = network.metadata;
  const key = NETWORK_PREFIX + name;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const guard = await store.get(POOLS_GUARD);
    if (network.spec.addressSpace === 'Shared') await refuseNamed(store, name);
    const result = await store.transact({
      when: [
        { key: POOLS_GUARD, revision: guard?.revision ?? 0 },
        { key, revision },
      ],
      then: [
        { put: key, value: serialize(network) },
        { put: POOLS_GUARD, value: name },
      ],
    });
    if (result.committed) return result.revision;
    if ((result.current[1]?.revision ?? 0) !== revision)
      throw new IpamError('ECONFLICT', `network "${name}" is not at revision ${revision}: read it again`);
  }
  throw busy(name);
}

/** Whether there was such a network. Throws IpamError EINUSE while pools name it, ECONFLICT. */
export async function removeNetwork(store: Store, name: string, options: RemoveOptions = {}): Promise<boolean> {
  const key = NETWORK_PREFIX + name;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const guard = await store.get(POOLS_GUARD);
    const entry = await store.get(key);
    if (entry === undefined) return false;
    requireRevision(`network "${name}"`, entry, options);
    await refuseNamed(store, name);
    const { committed } = await store.transact({
      when: [
        { key: POOLS_GUARD, revision: guard?.revision ?? 0 },
        { key, revision: entry.revision },
      ],
      then: [{ delete: key }, { put: POOLS_GUARD, value: name }],
    });
    if (committed) return true;
  }
  throw busy(name);
}

/** For a pool that names a network: throws IpamError EINVAL unless that has its own address space. */
export async function refuseOtherThanOwn(store: Store, { metadata, spec }: Pool): Promise<void> {
  if (spec.network === undefined) return;
  const entry = await store.get(NETWORK_PREFIX + spec.network);
  const network = entry && (parseObject(JSON.parse(entry.value)) as Network);
  if (network?.spec.addressSpace === 'Own') return;
  const what = network === undefined ? 'which there is not' : 'which has the shared address space';
  throw new IpamError(
    'EINVAL',
    `pool "${metadata.name}": spec.network is "${spec.network}", ${what}: apply a Network of that name with spec.addressSpace: Own first`,
  );
}

async function refuseNamed(store: Store, name: string): Promise<void> {
  const { entries } = await store.list(POOL_PREFIX);
  const pools = entries.map(({ value }) => decodePool(value)).filter(({ spec }) => spec.network === name);
  if (pools.length === 0) return;
  const names = pools.map(({ metadata }) => `"${metadata.name}"`).join(', ');
  throw new IpamError(
    'EINUSE',
    `network "${name}": its address space is in use by pool ${names}: delete ${pools.length === 1 ? 'it' : 'them'} first`,
  );
}

const busy = (name: string): IpamError =>
  new IpamError('ECONFLICT', `network "${name}": others kept changing pools, ${MAX_TRIES} times in a row: try again`);
