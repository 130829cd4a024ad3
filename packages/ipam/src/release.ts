/** How addresses and blocks are given back. */
import { blockName, cidrContains, presenceKey } from '@weir/resources';
import type { Draft, Outcome } from './allocation/draft.ts';
import { blockSize, emptySince, heldIn, type Owner, withoutAddresses } from './block.ts';
import { IpamError } from './ipam-error.ts';
import { hostKey } from './view.ts';

export interface ReleaseOptions {
  /** Numbers of the allocations that are meant: what the owner was given since stays. Default: all that it holds. */
  sequences?: readonly number[];
}

/** Gives back what the owner holds and says what it was. */
export function release(draft: Draft, owner: Owner, { sequences }: ReleaseOptions = {}): Outcome<string[]> {
  const released: string[] = [];
  for (const block of [...draft.blocksOf(owner)]) {
    const held = heldIn(block, owner, draft.view.host);
    const addresses = sequences === undefined ? held : held.filter((address) => sequences.includes(block.allocations[address]!.sequence));
    if (addresses.length === 0) continue;
    draft.change(withoutAddresses(block, addresses, draft.times));
    released.push(...addresses);
  }
  return { done: released };
}

/** Gives back one address that this host holds, whoever's it is. Refuses with ESTALE unless the allocation of that number still stands. */
export function releaseAddress(
  draft: Draft,
  { address, sequence, space }: { address: string; sequence: number; space?: string },
): Outcome<void> {
  for (const block of draft.blocks()) {
    if (block.network !== space || !cidrContains(block.cidr, address) || block.allocations[address]?.sequence !== sequence) continue;
    if (block.allocations[address].host !== draft.view.host) continue;
    draft.change(withoutAddresses(block, [address], draft.times));
    return { done: undefined };
  }
  const message = `${address} is not held by host ${draft.view.host} as it was: it has been given back, or given anew`;
  return { refused: new IpamError('ESTALE', message) };
}

/** Gives back own blocks that have been empty for long, all but the last with room of a pool that is in use. Says which. */
export function releaseEmptyBlocks(draft: Draft): Outcome<string[]> {
  const { host, config, holdings, pools } = draft.view;
  const released: string[] = [];
  const free = new Map<string, number>();
  for (const block of [...draft.blocks()]) {
    if (draft.full) break;
    const since = block.host === host ? emptySince(block) : undefined;
    // One that is empty since a time far ahead is so by a clock that went wrong.
    if (since === undefined || Math.abs(draft.now - since) < 1000 * config.emptyBlockSeconds) continue;
    const left = (free.get(block.pool) ?? holdings.free(block.pool)) - blockSize(block.cidr);
    const pool = pools.get(block.pool)?.pool;
    if (pool !== undefined && !pool.spec.disabled && left < blockSize(block.cidr) / 2) continue;
    free.set(block.pool, left);
    draft.remove(block);
    released.push(block.cidr);
  }
  return { done: released };
}

export interface Surrendered {
  addresses: string[];
  blocks: string[];
}

/**
 * Gives back the blocks of a host that is gone and gives no sign of life, as many as fit: empty ones, and with `all` whatever it holds. Blocks that others have borrowed
 * from, or of which a claim keeps an address, stay its own until they are empty.
 *
 * What a host holds is given back only while it has no Host object: one that returns writes that before it gives an address, and its sign
 * of life perhaps later, or never, where calls are served without an agent.
 */
export function surrender(draft: Draft, { all }: { all: boolean }): Outcome<Surrendered> {
  const { host } = draft.view;
  draft.requireAbsent(presenceKey(host));
  if (all) draft.requireAbsent(hostKey(host));
  const surrendered: Surrendered = { addresses: [], blocks: [] };
  for (const block of [...draft.blocks()]) {
    if (draft.full) break;
    const held = Object.keys(block.allocations).filter(
      (address) => block.allocations[address]!.host === host && block.allocations[address]!.containerId !== undefined,
    );
    if (held.length > 0 && !all) continue;
    const left = held.length > 0 ? withoutAddresses(block, held, draft.times) : block;
    const isEmpty = left.host === host && emptySince(left) !== undefined;
    if (isEmpty) draft.remove(block);
    else if (held.length > 0) draft.change(left);
    surrendered.addresses.push(...held);
    if (isEmpty) surrendered.blocks.push(blockName(block));
  }
  return { done: surrendered };
}
