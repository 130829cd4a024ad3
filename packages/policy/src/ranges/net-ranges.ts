import { addressFromNumber, cidrRange, type Family, familyOf } from '@weir/resources';
import { bisect } from './bisection.ts';
import { addressNumber } from './canonical-address.ts';

/** Addresses from `first` to `last`, both included, as numbers of their family. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** A set of addresses of one family: sorted, disjoint ranges with gaps between them, and a text that is equal for equal sets. */
export interface NetRanges {
  readonly family: Family;
  readonly ranges: readonly AddressRange[];
  readonly text: string;
}

/** Every address of a family. */
export const WHOLE: Readonly<Record<Family, AddressRange>> = {
  IPv4: { first: 0n, last: (1n << 32n) - 1n },
  IPv6: { first: 0n, last: (1n << 128n) - 1n },
};

/** The part of a range that lies within another one. They have to overlap. */
export function clipped({ first, last }: AddressRange, within: AddressRange): AddressRange {
  const clip = { first, last };
  if (first < within.first) clip.first = within.first;
  if (last > within.last) clip.last = within.last;
  return clip;
}

/** The addresses of a family that are in any of the CIDRs. */
export function netRanges(cidrs: readonly string[], family: Family): NetRanges {
  const sorted = cidrs
    .filter((cidr) => familyOf(cidr) === family)
    .map((cidr) => cidrRange(cidr))
    .sort((left, right) => (left.first < right.first ? -1 : left.first > right.first ? 1 : 0));
  const ranges: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of sorted) {
    const previous = ranges.at(-1);
    if (previous === undefined || first > previous.last + 1n) ranges.push({ first, last });
    else if (last > previous.last) previous.last = last;
  }
  const text = ranges.map(({ first, last }) => `${addressFromNumber(first, family)}-${addressFromNumber(last, family)}`).join(' ');
  return { family, ranges, text };
}

export function netRangesContain(nets: NetRanges, address: string): boolean {
  if (familyOf(address) !== nets.family || nets.ranges.length === 0) return false;
  const number = addressNumber(address);
  return bisect(nets.ranges, ({ first, last }) => (number < first ? -1 : number > last ? 1 : 0)) !== undefined;
}

export function isEveryAddress({ family, ranges }: NetRanges): boolean {
  return ranges.length === 1 && ranges[0]!.first === 0n && ranges[0]!.last === WHOLE[family].last;
}
