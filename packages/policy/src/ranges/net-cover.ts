import { cidrRange, type Family, familyOf } from '@weir/resources';
import type { AddressRange } from './net-ranges.ts';
import { RangeMap, type Stretch } from './range-map.ts';

/** So many nets at once, as a share of what is there, cost less as a whole than one by one. */
const MANY = 1 / 64;

const sameDepth = (left: number, right: number) => left === right;

/** The addresses that any of some nets hold, of either family. A net may be there several times: it has to go as often. */
export class NetCover {
  /** By how many nets an address is held. */
  readonly #depths: Record<Family, RangeMap<number>> = { IPv4: new RangeMap(sameDepth), IPv6: new RangeMap(sameDepth) };
  /** Many that came at once, until somebody looks: a long list comes in several objects, one after the other. */
  readonly #coming: Record<Family, AddressRange[]> = { IPv4: [], IPv6: [] };

  get isEmpty(): boolean {
    return this.#at('IPv4').size + this.#at('IPv6').size === 0;
  }

  /** @returns ranges in which addresses are held that were not before; others may be in them, too */
  add(cidrs: readonly string[]): Record<Family, AddressRange[]> {
    return this.#step(cidrs, 1);
  }

  /** @returns ranges in which addresses are held no more */
  delete(cidrs: readonly string[]): Record<Family, AddressRange[]> {
    return this.#step(cidrs, -1);
  }

  holds(family: Family, address: bigint): boolean {
    return this.#at(family).at(address) !== undefined;
  }

  /** How many ranges there are. */
  size(family: Family): number {
    return this.#at(family).size;
  }

  /** All of a family, or those that reach into a range, by rising address. Neighbours may touch each other. */
  ranges(family: Family, within?: AddressRange): Iterable<AddressRange> {
    const depths = this.#at(family);
    return within === undefined ? depths : depths.within(within);
  }

  #step(cidrs: readonly string[], step: 1 | -1): Record<Family, AddressRange[]> {
    const byFamily: Record<Family, AddressRange[]> = { IPv4: [], IPv6: [] };
    for (const cidr of cidrs) {
      const { first, last } = cidrRange(cidr);
      byFamily[familyOf(cidr)].push({ first, last });
    }
    return { IPv4: this.#stepFamily('IPv4', byFamily.IPv4, step), IPv6: this.#stepFamily('IPv6', byFamily.IPv6, step) };
  }

  #stepFamily(family: Family, ranges: AddressRange[], step: 1 | -1): AddressRange[] {
    const isMany = ranges.length > 1 && ranges.length > (this.#depths[family].size + this.#coming[family].length) * MANY;
    if (isMany && step === 1) {
      for (const range of ranges) this.#coming[family].push(range);
      return ranges;
    }
    const depths = this.#at(family);
    if (isMany) {
      this.#depths[family] = new RangeMap(sameDepth, stepped(depths, ranges, step));
      return ranges;
    }
    return ranges.filter((range) => {
      let isSeen = false;
      depths.update(range, (depth = 0) => {
        const now = depth + step;
        isSeen ||= depth === 0 || now === 0;
        return now === 0 ? undefined : now;
      });
      return isSeen;
    });
  }

  /** With all that came. */
  #at(family: Family): RangeMap<number> {
    const coming = this.#coming[family];
    if (coming.length > 0) {
      this.#coming[family] = [];
      this.#depths[family] = new RangeMap(sameDepth, stepped(this.#depths[family], coming, 1));
    }
    return this.#depths[family];
  }
}

/** All depths with all steps, cut where anything begins or ends. What is there is in order, so that only what comes has to be sorted. */
function stepped(all: Iterable<Stretch<number>>, ranges: readonly AddressRange[], step: 1 | -1): Stretch<number>[] {
  const depths = [...all];
  const starts = ranges.map(({ first }) => first).sort(rising);
  const ends = ranges.map(({ last }) => last + 1n).sort(rising);
  const result: Stretch<number>[] = [];
  let [depth, start, end] = [0, 0, 0];
  let isWithin = false;
  let value = 0;
  let from = 0n;
  for (;;) {
    const stretch = depths[depth];
    const at = least(stretch && (isWithin ? stretch.last + 1n : stretch.first), least(starts[start], ends[end]));
    if (at === undefined) return result;
    if (value > 0 && at > from) result.push({ first: from, last: at - 1n, value });
    from = at;
    if (isWithin && stretch!.last + 1n === at) {
      value -= stretch!.value;
      isWithin = false;
      depth += 1;
    }
    if (!isWithin && depths[depth]?.first === at) {
      value += depths[depth]!.value;
      isWithin = true;
    }
    for (; starts[start] === at; start += 1) value += step;
    for (; ends[end] === at; end += 1) value -= step;
  }
}

const rising = (left: bigint, right: bigint) => (left < right ? -1 : left > right ? 1 : 0);

function least(left: bigint | undefined, right: bigint | undefined): bigint | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}
