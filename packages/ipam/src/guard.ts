/**
 * Keys whose revision alone matters.
 *
 * A transaction can say "this key is as I read it", but not "no key has come since". Where a decision rests on a whole set of keys, each
 * writer of that set therefore also writes the set's guard, on the condition that the guard is as it was before the set was read.
 *
 * They stand outside of `/weir/v1/`, which holds objects only.
 */

/** Guards the set of pools. Without it, two pools that overlap could be admitted at once: each admission reads the set without the other's. */
export const POOLS_GUARD = '/weir/ipam/pools';

/**
 * Guards what a host holds: every transaction that gives or takes it blocks or addresses writes it, with the names of all blocks that it
 * owns or holds addresses in. So an allocator that knows its revision knows all that its host holds, also what another process of the
 * host did meanwhile. What others borrow from its blocks it does not tell: that is found by the blocks' own revisions.
 */
export const affinityKey = (host: string): string => `/weir/ipam/affinity/${encodeURIComponent(host)}`;

export const encodeAffinity = (blocks: Iterable<string>): string => JSON.stringify({ blocks: [...blocks].sort() });

export const decodeAffinity = (text: string): string[] => (JSON.parse(text) as { blocks: string[] }).blocks;
