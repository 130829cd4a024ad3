/** How full the pools are. */
import type { Store } from '@weir/datastore';
import { BLOCK_PREFIX, blockSize, decodeBlock, usedIn } from './block.ts';
import { decodePool, POOL_PREFIX, poolSize } from './pool.ts';

export interface BlockUsage {
  /** CIDR. */
  block: string;
  /** Owner. */
  host: string;
  size: number;
  used: number;
  free: number;
}

export interface PoolUsage {
  pool: string;
  cidr: string;
  disabled: boolean;
  /** Addresses in all; exact up to 2⁵³, which an IPv6 pool may exceed. */
  size: number;
  used: number;
  free: number;
  blocks: BlockUsage[];
}

/** Per pool and block, in the order of names. Throws ValidationError when a stored pool or block cannot be read. */
export async function usage(store: Store): Promise<PoolUsage[]> {
  const [pools, blocks] = await Promise.all([store.list(POOL_PREFIX), store.list(BLOCK_PREFIX)]);
  const specs = blocks.entries.map(({ value }) => decodeBlock(value));
  return pools.entries.map(({ value }) => {
    const pool = decodePool(value);
    const own = specs.filter((spec) => spec.pool === pool.metadata.name);
    const perBlock = own.map((spec): BlockUsage => {
      const size = blockSize(spec.cidr);
      return { block: spec.cidr, host: spec.host, size, used: usedIn(spec), free: size - usedIn(spec) };
    });
    const size = poolSize(pool);
    const used = perBlock.reduce((sum, block) => sum + block.used, 0);
    return {
      pool: pool.metadata.name,
      cidr: pool.spec.cidr,
      disabled: pool.spec.disabled,
      size,
      used,
      free: size - used,
      blocks: perBlock,
    };
  });
}
