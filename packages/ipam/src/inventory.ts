/** All that the store says of addresses, for whoever looks at the whole of it. What is concluded from it is pure. */
import type { Store } from '@weir/datastore';
import {
  type Claim,
  cidrContains,
  claimedSpace,
  DEFAULT_IPAM_CONFIG,
  type Endpoint,
  type Host,
  IPAM_CONFIG_NAME,
  type IpamConfig,
  type IpamConfigSpec,
  type Kind,
  keyOf,
  keyPrefix,
  type ObjectOf,
  type Pool,
  parseObject,
  presenceKey,
  spaceOf,
} from '@weir/resources';
import { BLOCK_PREFIX } from './block.ts';
import { ClusterBlock } from './cluster-blocks.ts';
import { type KnownReservation, readReservations } from './reservation.ts';

export interface Inventory {
  pools: Pool[];
  /** In the order of their keys; one that cannot be read has no `spec`. */
  blocks: ClusterBlock[];
  reservations: KnownReservation[];
  claims: Claim[];
  endpoints: Endpoint[];
  hosts: Host[];
  /** Names of hosts whose agents give signs of life. */
  present: ReadonlySet<string>;
  config: IpamConfigSpec;
  /** Keys of stored objects that cannot be read, blocks apart, and why. */
  unreadable: { key: string; reason: string }[];
}

/**
 * Of the shared address space: what is of networks with their own is left out. Each kind at a revision of its own: what changes meanwhile
 * may look wrong in one inventory, and does not in the next. Throws StoreError, IpamError EINVAL.
 */
export async function readInventory(store: Store): Promise<Inventory> {
  const unreadable: Inventory['unreadable'] = [];
  const list = async <K extends Kind>(kind: K): Promise<ObjectOf<K>[]> => {
    const { entries } = await store.list(keyPrefix(kind));
    return entries.flatMap(({ key, value }): ObjectOf<K>[] => {
      try {
        return [parseObject(JSON.parse(value)) as ObjectOf<K>];
      } catch (error) {
        unreadable.push({ key, reason: (error as Error).message });
        return [];
      }
    });
  };
  const [pools, blocks, reservations, claims, endpoints, hosts, presence, config] = await Promise.all([
    list('Pool'),
    store.list(BLOCK_PREFIX),
    readReservations(store),
    list('Claim'),
    list('Endpoint'),
    list('Host'),
    store.list(presenceKey()),
    store.get(keyOf({ kind: 'IpamConfig', metadata: { name: IPAM_CONFIG_NAME } })),
  ]);
  const all = blocks.entries.map((entry) => new ClusterBlock(entry));
  return {
    ...{ reservations, hosts, unreadable },
    claims: claims.filter((claim) => claimedSpace(claim) === undefined),
    pools: pools.filter(({ spec }) => spec.network === undefined),
    endpoints: endpoints.filter(({ spec }) => spaceOf(spec) === undefined),
    blocks: all.filter(({ network }) => network === undefined),
    present: new Set(presence.entries.map(({ key }) => key.slice(presenceKey().length))),
    config: config ? (parseObject(JSON.parse(config.value)) as IpamConfig).spec : DEFAULT_IPAM_CONFIG,
  };
}

/** The pool that an address or a CIDR is in. */
export const poolAround = (pools: readonly Pool[], within: string): Pool | undefined =>
  pools.find(({ spec }) => cidrContains(spec.cidr, within));

/** `namespace/name`, as allocations name their claim. */
export const claimName = ({ metadata }: Claim): string => `${metadata.namespace}/${metadata.name}`;
