/** Changes of whole blocks that keep who has which address. */
import { type BlockSpec, blockName, cidrContains } from '@weir/resources';
import { type Draft, MAX_BLOCKS_CHANGED, type Outcome } from './allocation/draft.ts';
import { partsOf, usedIn } from './block.ts';
import { IpamError } from './ipam-error.ts';

export function dropBlock(draft: Draft, cidr: string): Outcome<void> {
  return withOwn(draft, cidr, (block) => {
    if (usedIn(block) > 0) return { refused: new IpamError('EINUSE', `block ${cidr}: ${usedIn(block)} of its addresses are in use`) };
    draft.remove(block);
    return { done: undefined };
  });
}

export function moveBlock(draft: Draft, cidr: string, pool: string): Outcome<void> {
  return withOwn(draft, cidr, (block) => {
    const known = draft.view.pools.get(pool)?.pool;
    if (known === undefined || !cidrContains(known.spec.cidr, cidr)) {
      return { refused: new IpamError('ENOPOOL', `there is no pool "${pool}" around block ${cidr}`) };
    }
    draft.usePool(pool);
    draft.change({ ...block, pool });
    return { done: undefined };
  });
}

/**
 * A host that has borrowed from the block knows it by its name, and no guard of this host's tells it of another: such a block stays whole.
 * Parts whose addresses rest are kept, so that they go on resting; the host gives them back afterwards.
 */
export function splitBlock(draft: Draft, cidr: string, prefixLength: number): Outcome<string[]> {
  return withOwn<string[]>(draft, cidr, (block) => {
    const borrower = Object.entries(block.allocations).find(([, { host }]) => host !== block.host);
    if (borrower !== undefined) {
      return {
        refused: new IpamError('EINUSE', `block ${cidr}: host ${borrower[1].host} has borrowed ${borrower[0]} from it, so it stays whole`),
      };
    }
    const parts = partsOf(block, prefixLength).filter((part) => usedIn(part) > 0 || Object.keys(part.released).length > 0);
    if (parts.length >= MAX_BLOCKS_CHANGED) {
      const message = `block ${cidr}: ${parts.length} blocks of /${prefixLength} are more than one transaction writes (${MAX_BLOCKS_CHANGED - 1}): split it into larger ones first`;
      return { refused: new IpamError('EINVAL', message) };
    }
    draft.remove(block);
    for (const part of parts) draft.change(part);
    return { done: parts.map((part) => part.cidr) };
  });
}

function withOwn<T>(draft: Draft, cidr: string, change: (block: BlockSpec) => Outcome<T>): Outcome<T> {
  const block = draft.block(blockName({ cidr }));
  if (block !== undefined && block.host === draft.view.host) return change(block);
  return { refused: new IpamError('ESTALE', `block ${cidr} is not of host ${draft.view.host} any more: look again`) };
}
