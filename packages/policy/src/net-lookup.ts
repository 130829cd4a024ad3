import { type Family, familyOf } from '@weir/resources';
import { addressNumber } from './canonical-address.ts';
import { rangeAt } from './net-cells.ts';
import { type AddressRange, netRanges } from './net-ranges.ts';

/** Whether addresses are in one of many nets, by bisection. Sorted when it is first asked: most sets of nets never are. */
export class NetLookup {
  readonly #cidrs: () => Iterable<string>;
  #ranges: Partial<Record<Family, readonly AddressRange[]>> = {};

  constructor(cidrs: () => Iterable<string>) {
    this.#cidrs = cidrs;
  }

  /** To be called when the nets have changed. */
  forget(): void {
    this.#ranges = {};
  }

  holds(address: string): boolean {
    const family = familyOf(address);
    this.#ranges[family] ??= netRanges([...this.#cidrs()], family).ranges;
    return rangeAt(this.#ranges[family], addressNumber(address)) !== undefined;
  }
}
