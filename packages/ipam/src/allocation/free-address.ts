/** Where the next address comes from. */
import { type AddressRange, type BlockSpec, blockName, type Family, familyOf, type Pool } from '@weir/resources';
import { emptyBlock, isSpent, longestRested, nextFree } from '../block.ts';
import { freeBlockFrom, lowestFreeBlock } from '../pool.ts';
import type { Place } from './allocation-request.ts';
import type { Draft } from './draft.ts';
import { Missing } from './missing.ts';
import { type KnownPool, keptOf, mayGiveFrom } from './pool-choice.ts';

/**
 * An address of the family: from an own block, from a new one, from another host's; only when there is none elsewhere, one that was given
 * back so lately that it still rests. Pools in their order. Throws Missing.
 */
export function findFree(
  draft: Draft,
  family: Family,
  usable: readonly KnownPool[],
  kept: readonly AddressRange[] = [],
): Place | undefined {
  const known = usable.filter(({ pool }) => familyOf(pool.spec.cidr) === family);
  const pools = known.map(({ pool }) => pool);
  const reserved = [...reservedRanges(draft), ...kept, ...known.flatMap(keptOf)];
  const cooldown = 1000 * draft.view.config.cooldownSeconds;
  const rest = { since: draft.now - cooldown, until: draft.now + cooldown };
  const rested = (block: BlockSpec) =>
    isSpent(block, rest) ? undefined : nextFree(block, { recent: draft.recent.get(blockName(block)), reserved, rest });
  const resting = (block: BlockSpec) => longestRested(block, reserved);
  for (const { metadata } of pools) {
    for (const block of ownRoomy(draft, metadata.name)) {
      const address = rested(block);
      if (address !== undefined) return { address, block };
    }
  }
  if (pools.length > 0 && draft.view.cluster === undefined) throw new Missing('ranges');
  for (const { metadata } of pools) {
    const block = freeBlock(draft, metadata.name);
    const address = block && rested(block);
    if (address !== undefined) return { address, block: block! };
  }
  const borrowed = borrow(draft, pools, rested);
  if (borrowed !== undefined) return borrowed;
  if (pools.length > 0 && !draft.view.config.strictAffinity) needLenders(draft);
  return fromOwn(draft, pools, resting) ?? borrow(draft, pools, resting);
}

/** Throws Missing while there may be a lender that is not known of: those that say so are asked first, then everybody. */
function needLenders({ view: { cluster, lendersRead = false } }: Draft): void {
  if (!cluster!.isWhole) throw new Missing(lendersRead ? 'cluster' : 'lenders');
}

/**
 * A block of the pool that nobody has, for this host; undefined when there is none. Rests on a view that has the ranges.
 * The lowest, so that a pool fills in order; who was refused looks elsewhere, since all hosts that want a block at one time want that one.
 */
export function freeBlock(draft: Draft, poolName: string): BlockSpec | undefined {
  const { cluster } = draft.view;
  if (cluster?.isTakenUp(poolName) || hasAllItMay(draft, poolName)) return undefined;
  const { pool, within } = draft.view.pools.get(poolName)!;
  const taken = [...draft.cluster()].filter(({ network }) => network === pool.spec.network).map(({ range }) => range);
  const reserved = reservedRanges(draft);
  const start = draft.refusals === 0 ? 0 : spread(`${draft.view.host} ${draft.refusals}`);
  const cidr =
    within === undefined
      ? (freeBlockFrom(pool, start, taken, reserved) ?? lowestFreeBlock(pool, taken, reserved))
      : firstOf(within, (part) => lowestFreeBlock({ spec: { ...pool.spec, cidr: part } }, taken, reserved));
  if (cidr === undefined) cluster?.noteTakenUp(poolName);
  return cidr === undefined ? undefined : blockOf(pool, cidr, draft);
}

/** A new block of the pool, for this host. */
export function blockOf({ metadata, spec: { network } }: Pool, cidr: string, { view, now }: Draft): BlockSpec {
  return emptyBlock({ cidr, pool: metadata.name, ...(network !== undefined && { network }), host: view.host }, now);
}

/** Whether the host owns as many blocks of the pool as maxBlocksPerHost allows. */
export function hasAllItMay(draft: Draft, poolName: string): boolean {
  const { host, config } = draft.view;
  if (config.maxBlocksPerHost === undefined) return false;
  const own = [...draft.blocks()].filter((block) => block.pool === poolName && block.host === host);
  return own.length >= config.maxBlocksPerHost;
}

const reservedRanges = ({ view }: Draft): AddressRange[] => view.reservations.flatMap(({ ranges }) => ranges);

type Pools = readonly KnownPool['pool'][];
type Search = (block: BlockSpec) => string | undefined;

/** The host's own blocks with room, but for those that it may no longer give from. */
function* ownRoomy(draft: Draft, poolName: string): Generator<BlockSpec> {
  const known = draft.view.pools.get(poolName)!;
  for (const block of draft.roomy(poolName)) if (mayGiveFrom(known, block.cidr)) yield block;
}

function firstOf<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function fromOwn(draft: Draft, pools: Pools, search: Search): Place | undefined {
  for (const { metadata } of pools) {
    for (const block of ownRoomy(draft, metadata.name)) {
      const address = search(block);
      if (address !== undefined) return { address, block };
    }
  }
  return undefined;
}

/** Each host begins at another place, and elsewhere once it was refused, so that those that borrow at one time do not meet in one block. */
function borrow(draft: Draft, pools: Pools, search: Search): Place | undefined {
  const { host, config } = draft.view;
  if (config.strictAffinity) return undefined;
  for (const { metadata } of pools) {
    // Others' addresses are routed to others.
    if (draft.view.pools.get(metadata.name)!.within !== undefined) continue;
    const lenders = [...draft.clusterWithRoom()].filter(({ spec }) => spec?.pool === metadata.name && spec.host !== host);
    const start = lenders.length === 0 ? 0 : spread(`${host} ${draft.refusals}`) % lenders.length;
    for (const { name, spec, revision } of [...lenders.slice(start), ...lenders.slice(0, start)]) {
      const block = draft.block(name) ?? spec!;
      const address = search(block);
      if (address !== undefined) return { address, block, revision };
    }
  }
  return undefined;
}

/** FNV-1a. */
function spread(text: string): number {
  let hash = 2166136261;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}
