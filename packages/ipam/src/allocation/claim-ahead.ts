/** The next block before it is needed: who waits for an address should not have to wait for a block too. */
import { blockSize } from '../block.ts';
import type { Draft, Outcome } from './draft.ts';
import { freeBlock } from './free-address.ts';

/** Part of a block that may be left when the next is taken. */
const LOW = 1 / 8;

/** Whether own blocks of the pool have so little left that another is to be taken. */
export function runsLow({ view: { pools, holdings } }: Pick<Draft, 'view'>, poolName: string): boolean {
  const pool = pools.get(poolName)?.pool;
  if (pool === undefined || pool.spec.disabled) return false;
  const size = blockSize(`${pool.spec.cidr.slice(0, pool.spec.cidr.indexOf('/'))}/${pool.spec.blockSize}`);
  return holdings.free(poolName) <= size * LOW;
}

/** Takes a block of the pool when little is left, and says which. */
export function claimAhead(draft: Draft, poolName: string): Outcome<string | undefined> {
  if (!runsLow(draft, poolName)) return { done: undefined };
  if (draft.view.cluster === undefined) return { needs: 'ranges' };
  const block = freeBlock(draft, poolName);
  if (block === undefined) return { done: undefined };
  draft.restOnPools();
  draft.usePool(poolName);
  draft.change(block);
  return { done: block.cidr };
}
