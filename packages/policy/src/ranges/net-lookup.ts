import { type Family, familyOf } from '@weir/resources';
import { bisect } from './bisection.ts';
import { addressNumber } from './canonical-address.ts';
import { type AddressRange, netRanges } from './net-ranges.ts';

/** Whether addresses are in one of many nets, by bisection. Sorted when it is first asked: most lists of nets never are. */
export class NetLookup {
  readonly #cidrs: readonly string[];
  readonly #ranges: Partial<Record<Family, readonly AddressRange[]>> = {};

  constructor(cidrs: readonly string[]) {
    this.#cidrs = cidrs;
  }

  holds(address: string): boolean {
    const family = familyOf(address);
    this.#ranges[family] ??= netRanges(this.#cidrs, family).ranges;
    const number = addressNumber(address);
    return bisect(this.#ranges[family], ({ first, last }) => (number < first ? -1 : number > last ? 1 : 0)) !== undefined;
  }
}
