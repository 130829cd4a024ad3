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

/**
 * Guards what a host holds: every transaction that gives or takes it blocks or addresses writes it. So an allocator that knows its revision knows all that its host holds, also what another process of the
 * host did meanwhile. What others borrow from its blocks it does not tell: that is found by the blocks' own revisions.
 */
export const affinityKey = (host: string): string => `/weir/ipam/affinity/${encodeURIComponent(host)}`;

/**
 * The names of all blocks that the host owns or holds addresses in. Apart from the guard, which is written with each address, since this
 * changes with a block only, and may be long.
 */
export const affinityBlocksKey = (host: string): string => `/weir/ipam/affinity-blocks/${encodeURIComponent(host)}`;

export const encodeAffinityBlocks = (blocks: Iterable<string>): string => JSON.stringify({ blocks: [...blocks].sort() });

export const decodeAffinityBlocks = (text: string): string[] => (JSON.parse(text) as { blocks: string[] }).blocks;
