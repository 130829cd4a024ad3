/**
 * Keys whose revision alone matters.
 *
 * A transaction can say "this key is as I read it", but not "no key has come since". Where a decision rests on a whole set of keys, each
 * writer of that set therefore also writes the set's guard, on the condition that the guard is as it was before the set was read.
 *
 * They stand outside of `/weir/v1/`, which holds objects only.
 */

/**
 * Guards the pools, the reservations and the IpamConfig. Without it, two pools that overlap could be admitted at once: each admission reads
 * the set without the other's.
 */
export const POOLS_GUARD = '/weir/ipam/pools';

/** All guards of what hosts hold begin with it. */
export const AFFINITY_PREFIX = '/weir/ipam/affinity/';

/**
 * Guards what a host holds: every transaction that gives or takes it blocks or addresses writes it. So an allocator that knows its revision knows all that its host holds, also what another process of the
 * host did meanwhile. What others borrow from its blocks it does not tell: that is found by the blocks' own revisions.
 */
export const affinityKey = (host: string): string => AFFINITY_PREFIX + encodeURIComponent(host);

/** Names of blocks, by pool. */
export type Lendable = Readonly<Record<string, readonly string[]>>;

/** How many blocks of each pool a host names. Who has more has room for long. */
export const LENDABLE_PER_POOL = 2;

/**
 * What the guard of a host says besides: some blocks of its own that have room. So who finds a pool taken up and has to borrow need not read
 * all blocks of the cluster to find one. A hint: others may have borrowed there since.
 */
export const encodeAffinity = (lendable: Lendable): string => JSON.stringify({ lendable });

/** Nothing when the text says nothing that can be understood: it is a hint alone. */
export function decodeAffinity(text: string): Lendable {
  try {
    const { lendable = {} } = JSON.parse(text) as { lendable?: unknown };
    return typeof lendable === 'object' && lendable !== null ? (lendable as Lendable) : {};
  } catch {
    return {};
  }
}

/**
 * The names of all blocks that the host owns or holds addresses in. Apart from the guard, which is written with each address, since this
 * changes with a block only, and may be long.
 */
export const affinityBlocksKey = (host: string): string => `/weir/ipam/affinity-blocks/${encodeURIComponent(host)}`;

export const encodeAffinityBlocks = (blocks: Iterable<string>): string => JSON.stringify({ blocks: [...blocks].sort() });

export const decodeAffinityBlocks = (text: string): string[] => (JSON.parse(text) as { blocks: string[] }).blocks;
