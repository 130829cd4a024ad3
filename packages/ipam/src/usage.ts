/** How full the pools are. */
import type { Store } from '@weir/datastore';
import type { AddressRange } from '@weir/resources';
import { BLOCK_PREFIX, blockSize, decodeBlock, freeIn, rangesWithin, sizeOf, usedIn } from './block.ts';
import { decodePool, POOL_PREFIX, poolSize } from './pool.ts';
import { readReservations } from './reservation.ts';

export interface BlockUsage {
  /** CIDR. */
  block: string;
  /** Owner. */
  host: string;
  size: number;
  /** Given to containers, or kept by claims. */
  used: number;
  /** Neither used nor reserved; those at rest too. */
  free: number;
  /** Not used, and not given unasked. `used + free + reserved = size`. */
  reserved: number;
}

export interface PoolUsage {
  pool: string;
  cidr: string;
  disabled: boolean;
  /** Addresses in all; exact up to 2⁵³, which an IPv6 pool may exceed. */
  size: number;
  used: number;
  free: number;
  reserved: number;
  blocks: BlockUsage[];
}

/** Per pool and block, in the order of names. Throws ValidationError when a stored pool or block cannot be read. */
export async function usage(store: Store): Promise<PoolUsage[]> {
  const [pools, blocks, reservations] = await Promise.all([store.list(POOL_PREFIX), store.list(BLOCK_PREFIX), readReservations(store)]);
  const ranges = reservations.flatMap((reservation) => reservation.ranges);
  const specs = blocks.entries.map(({ value }) => decodeBlock(value));
  return pools.entries.map(({ value }) => {
    const pool = decodePool(value);
    const own = specs.filter((spec) => spec.pool === pool.metadata.name);
    const perBlock = own.map((spec): BlockUsage => {
      const size = blockSize(spec.cidr);
      const [used, free] = [usedIn(spec), freeIn(spec, ranges)];
      return { block: spec.cidr, host: spec.host, size, used, free, reserved: size - used - free };
    });
    const size = poolSize(pool);
    const used = perBlock.reduce((sum, block) => sum + block.used, 0);
    // Of the reserved ones those that are used do not count twice.
    const taken = perBlock.reduce((sum, block) => sum + reservedIn(block.block, ranges) - block.reserved, 0);
    const reserved = reservedIn(pool.spec.cidr, ranges) - taken;
    return {
      pool: pool.metadata.name,
      cidr: pool.spec.cidr,
      disabled: pool.spec.disabled,
      size,
      used,
      free: size - used - reserved,
      reserved,
      blocks: perBlock,
    };
  });
}

const reservedIn = (cidr: string, ranges: readonly AddressRange[]): number => sizeOf(rangesWithin(ranges, cidr));
