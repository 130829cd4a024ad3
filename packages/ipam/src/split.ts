/** Pools and blocks cut smaller, with all that is given of them. */
import type { Condition, Operation, Store } from '@weir/datastore';
import { ADDRESS_BITS, addressFromNumber, cidrContains, cidrRange, type Pool, serialize } from '@weir/resources';
import { Allocator } from './allocator.ts';
import { POOLS_GUARD } from './guard.ts';
import { type Inventory, poolAround, readInventory } from './inventory.ts';
import { IpamError } from './ipam-error.ts';
import { decodePool, poolKey } from './pool.ts';

/** More would not fit in one transaction of etcd's. */
const MAX_PARTS = 64;

/**
 * The pools that the parts become: the first keeps the name, the others are called `tasks-2`, `tasks-3` …, all as the pool is otherwise. Pure.
 * Throws IpamError EINVAL when it cannot be cut so.
 */
export function partsOfPool(pool: Pool, into: number): Pool[] {
  const { name } = pool.metadata;
  const { family, first, prefixLength } = cidrRange(pool.spec.cidr);
  const bits = Math.log2(into);
  if (!Number.isInteger(bits) || into < 2 || into > MAX_PARTS) {
    throw new IpamError('EINVAL', `pool "${name}" cannot be split into ${into}: expected 2, 4, 8 … ${MAX_PARTS}`);
  }
  if (prefixLength + bits > pool.spec.blockSize) {
    throw new IpamError(
      'EINVAL',
      `pool "${name}" (${pool.spec.cidr}) cannot be split into ${into}: a part would be smaller than a block (/${pool.spec.blockSize})`,
    );
  }
  const size = 1n << BigInt(ADDRESS_BITS[family] - prefixLength - bits);
  return Array.from({ length: into }, (_, index): Pool => {
    const cidr = `${addressFromNumber(first + BigInt(index) * size, family)}/${prefixLength + bits}`;
    const metadata = { ...pool.metadata, name: index === 0 ? name : `${name}-${index + 1}` };
    return { ...pool, metadata, spec: { ...pool.spec, cidr } };
  });
}

/**
 * Puts the parts in the pool's place, in one transaction, and says in the blocks of the others which pool they are of now. Cut short before
 * the last, nothing is given from the blocks that are left until `audit` finds them and `repair` does the rest.
 *
 * Throws IpamError ENOPOOL, EINVAL, EINUSE when a block would be of two parts, ECONFLICT when others changed pools meanwhile.
 */
export async function splitPool(store: Store, name: string, into: number): Promise<Pool[]> {
  const { guard, pool, revision, inventory } = await readPool(store, name);
  const parts = partsOfPool(pool, into);
  const across = inventory.blocks.find(({ cidr }) => cidrContains(pool.spec.cidr, cidr) && poolAround(parts, cidr) === undefined);
  if (across !== undefined)
    throw new IpamError(
      'EINUSE',
      `pool "${name}": its block ${across.cidr} would be of two parts: split it into fewer, or that block first`,
    );
  const others = parts.slice(1).map(({ metadata }) => metadata.name);
  const taken = inventory.pools.find(({ metadata }) => others.includes(metadata.name));
  if (taken !== undefined)
    throw new IpamError('EINUSE', `pool "${name}": a part would be called "${taken.metadata.name}", which is another pool`);
  await write(store, parts, [guard, { key: poolKey(name), revision }, ...others.map((one) => ({ key: poolKey(one), revision: 0 }))]);
  // Allocations look at pools as they were until this; whoever took a block meanwhile says the old name.
  const { blocks } = await readInventory(store);
  for (const { cidr, spec } of blocks) {
    const part = poolAround(parts, cidr);
    if (spec === undefined || part === undefined || part.metadata.name === spec.pool) continue;
    await new Allocator({ store, host: spec.host }).moveBlock(cidr, part.metadata.name);
  }
  return parts;
}

export interface SplitBlocks {
  /** CIDRs: what was cut, and the blocks with something in them that came of it. */
  split: { block: string; into: string[] }[];
  /** What stays whole, and why. */
  whole: { block: string; reason: string }[];
}

/**
 * Has the pool cut into smaller blocks from now on, and cuts those that there are. One that stays whole is of use as before; asked for
 * again, the rest is done.
 *
 * Throws IpamError ENOPOOL, EINVAL when blocks would not be smaller or smaller than they may be, ECONFLICT.
 */
export async function shrinkBlocks(store: Store, name: string, blockSize: number): Promise<SplitBlocks> {
  const { guard, pool, revision } = await readPool(store, name);
  const bits = ADDRESS_BITS[cidrRange(pool.spec.cidr).family];
  if (blockSize < pool.spec.blockSize || blockSize > bits) {
    throw new IpamError('EINVAL', `pool "${name}": its blocks are /${pool.spec.blockSize}; expected a prefix length from there to ${bits}`);
  }
  if (blockSize !== pool.spec.blockSize) {
    await write(store, [{ ...pool, spec: { ...pool.spec, blockSize } }], [guard, { key: poolKey(name), revision }]);
  }
  // Anew: until the pool was written, hosts may have taken blocks of the old size.
  return splitBlocks(store, await readInventory(store), (cidr) => cidrContains(pool.spec.cidr, cidr), blockSize);
}

/** Cuts one block into such as its pool has. Throws IpamError ENOPOOL when there is no such block, EINVAL when it is no larger, EINUSE when it has to stay whole. */
export async function splitBlock(store: Store, cidr: string): Promise<SplitBlocks> {
  const inventory = await readInventory(store);
  const pool = poolAround(inventory.pools, cidr);
  if (pool === undefined || !inventory.blocks.some((block) => block.cidr === cidr))
    throw new IpamError('ENOPOOL', `there is no block ${cidr}`);
  if (cidrRange(cidr).prefixLength >= pool.spec.blockSize) {
    const { name } = pool.metadata;
    throw new IpamError(
      'EINVAL',
      `block ${cidr} is no larger than those of pool "${name}" (/${pool.spec.blockSize}): split ${name} with --block-size for smaller ones`,
    );
  }
  const result = await splitBlocks(store, inventory, (one) => one === cidr, pool.spec.blockSize);
  if (result.whole.length > 0) throw new IpamError('EINUSE', result.whole[0]!.reason);
  return result;
}

async function splitBlocks(
  store: Store,
  inventory: Inventory,
  isMeant: (cidr: string) => boolean,
  blockSize: number,
): Promise<SplitBlocks> {
  const result: SplitBlocks = { split: [], whole: [] };
  for (const { cidr, spec } of inventory.blocks) {
    if (spec === undefined || !isMeant(cidr) || cidrRange(cidr).prefixLength >= blockSize) continue;
    try {
      result.split.push({ block: cidr, into: await new Allocator({ store, host: spec.host }).splitBlock(cidr, blockSize) });
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      result.whole.push({ block: cidr, reason: error.message });
    }
  }
  return result;
}

async function readPool(store: Store, name: string): Promise<{ guard: Condition; pool: Pool; revision: number; inventory: Inventory }> {
  const guard = await store.get(POOLS_GUARD);
  const entry = await store.get(poolKey(name));
  if (entry === undefined) throw new IpamError('ENOPOOL', `there is no pool "${name}"`);
  const pool = decodePool(entry.value);
  if (pool.spec.network !== undefined)
    throw new IpamError(
      'EINVAL',
      `pool "${name}" is of network "${pool.spec.network}" with its own address space: such a pool cannot be split`,
    );
  const inventory = await readInventory(store);
  return {
    guard: { key: POOLS_GUARD, revision: guard?.revision ?? 0 },
    pool,
    revision: entry.revision,
    inventory,
  };
}

async function write(store: Store, pools: readonly Pool[], when: Condition[]): Promise<void> {
  const then: Operation[] = pools.map((pool) => ({ put: poolKey(pool.metadata.name), value: serialize(pool) }));
  const { committed } = await store.transact({ when, then: [...then, { put: POOLS_GUARD, value: pools[0]!.metadata.name }] });
  if (!committed) throw new IpamError('ECONFLICT', `pool "${pools[0]!.metadata.name}": others changed pools meanwhile: try again`);
}
