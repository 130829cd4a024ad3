/**
 * RemoteClusters as people write them. What one declares to be another cluster's is no pool's of this one, nor a third one's: an address
 * that two could mean would have the labels of both. So every change of it is one of the pools' guard.
 */
import type { Store } from '@weir/datastore';
import { cidrsOverlap, keyOf, keyPrefix, type Pool, parseObject, type RemoteCluster, serialize } from '@weir/resources';
import { POOLS_GUARD } from './guard.ts';
import { IpamError } from './ipam-error.ts';
import { serviceRanges, sharedPools } from './shared-space.ts';

/** Others change pools seldom. */
const MAX_TRIES = 10;

interface Declared {
  /** `pool "web"`. */
  what: string;
  cidr: string;
}

/** Creates or replaces it, at `revision` (0: there may be none yet), and gives its new one. Throws IpamError EOVERLAP, ECONFLICT. */
export async function admitRemoteCluster(store: Store, cluster: RemoteCluster, { revision }: { revision: number }): Promise<number> {
  const { name } = cluster.metadata;
  const key = keyOf(cluster);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const guard = await store.get(POOLS_GUARD);
    const taken = [...(await ownRanges(store)), ...(await declaredByOthers(store, name))];
    for (const cidr of cluster.spec.cidrs) {
      const other = taken.find((one) => cidrsOverlap(one.cidr, cidr));
      if (other !== undefined)
        throw new IpamError(
          'EOVERLAP',
          `remote cluster "${name}" (${cidr}) overlaps ${other.what} (${other.cidr}): declare what the other cluster's pools have, which have to be others than those here`,
        );
    }
    const result = await store.transact({
      when: [
        { key: POOLS_GUARD, revision: guard?.revision ?? 0 },
        { key, revision },
      ],
      then: [
        { put: key, value: serialize(cluster) },
        { put: POOLS_GUARD, value: name },
      ],
    });
    if (result.committed) return result.revision;
    if ((result.current[1]?.revision ?? 0) !== revision)
      throw new IpamError('ECONFLICT', `remote cluster "${name}" is not at revision ${revision}: read it again`);
  }
  throw new IpamError('ECONFLICT', `remote cluster "${name}": others kept changing pools, ${MAX_TRIES} times in a row: try again`);
}

/** Throws EOVERLAP when the pool has addresses that are another cluster's. */
export async function refuseRemote(store: Store, { metadata, spec }: Pool): Promise<void> {
  if (spec.network !== undefined) return;
  const other = (await declaredByOthers(store)).find(({ cidr }) => cidrsOverlap(cidr, spec.cidr));
  if (other !== undefined)
    throw new IpamError(
      'EOVERLAP',
      `pool "${metadata.name}" (${spec.cidr}) overlaps ${other.what} (${other.cidr}), whose addresses are another cluster's: choose a CIDR that shares no address with it`,
    );
}

async function declaredByOthers(store: Store, self?: string): Promise<Declared[]> {
  const { entries } = await store.list(keyPrefix('RemoteCluster'));
  return entries.flatMap(({ value }) => {
    const { metadata, spec } = parseObject(JSON.parse(value)) as RemoteCluster;
    return metadata.name === self ? [] : spec.cidrs.map((cidr) => ({ what: `remote cluster "${metadata.name}"`, cidr }));
  });
}

async function ownRanges(store: Store): Promise<Declared[]> {
  return [
    ...(await sharedPools(store)).map(({ metadata, spec }) => ({ what: `pool "${metadata.name}"`, cidr: spec.cidr })),
    ...(await serviceRanges(store)).map((cidr) => ({ what: 'a service range', cidr })),
  ];
}
