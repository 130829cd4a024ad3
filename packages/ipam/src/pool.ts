/** A pool: a CIDR that is cut into blocks of equal size. Pure. */
import {
  ADDRESS_BITS,
  type AddressRange,
  addressFromNumber,
  cidrRange,
  cidrsOverlap,
  keyPrefix,
  type Pool,
  parseObject,
} from '@weir/resources';
import { IpamError } from './ipam-error.ts';

/** All keys of pools begin with it. */
export const POOL_PREFIX = keyPrefix('Pool');

export const poolKey = (name: string): string => POOL_PREFIX + name;

/** The pool of a stored text. Throws ValidationError. */
export const decodePool = (text: string): Pool => parseObject(JSON.parse(text)) as Pool;

/** How many addresses. Exact up to 2⁵³, which an IPv6 pool may exceed. */
export function poolSize({ spec }: Pool): number {
  const { family, prefixLength } = cidrRange(spec.cidr);
  return 2 ** (ADDRESS_BITS[family] - prefixLength);
}

/**
 * The lowest block of the pool that overlaps none of `taken`; undefined when there is none.
 * Taken is judged by range, not by name: a block of another size, left from whatever past, must not be cut through.
 */
export function lowestFreeBlock(
  { spec }: Pick<Pool, 'spec'>,
  taken: Iterable<AddressRange>,
  reserved: readonly AddressRange[] = [],
): string | undefined {
  const pool = cidrRange(spec.cidr);
  const size = 1n << BigInt(ADDRESS_BITS[pool.family] - spec.blockSize);
  const ranges = [...taken, ...reserved.flatMap((range) => wholeBlocks(range, size))]
    .filter(({ family }) => family === pool.family)
    .sort((a, b) => (a.first < b.first ? -1 : 1));
  let first = pool.first;
  for (const range of ranges) {
    if (range.first > first + size - 1n) break;
    // Past this range, up to the next multiple of the block size.
    if (range.last >= first) first = ((range.last + size) / size) * size;
  }
  return first + size - 1n <= pool.last ? `${addressFromNumber(first, pool.family)}/${spec.blockSize}` : undefined;
}

/** Blocks of a pool among which those that look elsewhere spread out: enough for many hosts, few enough to keep a huge pool together. */
const SPREAD = 1024n;

/** As {@link lowestFreeBlock}, from some block on that `start` decides. */
export function freeBlockFrom(
  { spec }: Pick<Pool, 'spec'>,
  start: number,
  taken: AddressRange[],
  reserved: readonly AddressRange[],
): string | undefined {
  const { family, first, last } = cidrRange(spec.cidr);
  const size = 1n << BigInt(ADDRESS_BITS[family] - spec.blockSize);
  const count = (last - first + 1n) / size;
  const skipped = (BigInt(start) % (count < SPREAD ? count : SPREAD)) * size;
  const below = skipped === 0n ? [] : [{ family, first, last: first + skipped - 1n }];
  return lowestFreeBlock({ spec }, [...taken, ...below], reserved);
}

/** The part of the range that fills whole blocks; a block of which a part is reserved is good for the rest. */
function wholeBlocks({ family, first, last }: AddressRange, size: bigint): AddressRange[] {
  const whole = { family, first: ((first + size - 1n) / size) * size, last: ((last + 1n) / size) * size - 1n };
  return whole.first <= whole.last ? [whole] : [];
}

/** Throws EOVERLAP when the pool shares an address with one of the others of its address space. */
export function refuseOverlap(pool: Pool, others: Pool[]): void {
  const other = others.find(
    ({ metadata, spec }) =>
      metadata.name !== pool.metadata.name && spec.network === pool.spec.network && cidrsOverlap(spec.cidr, pool.spec.cidr),
  );
  if (other !== undefined) {
    throw new IpamError(
      'EOVERLAP',
      `pool "${pool.metadata.name}" (${pool.spec.cidr}) overlaps pool "${other.metadata.name}" (${other.spec.cidr}): choose a CIDR that shares no address with it`,
    );
  }
}
