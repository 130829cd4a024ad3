import { type Family, familyOf } from '@weir/resources';
import { addressNumber } from './canonical-address.ts';
import type { AddressRange } from './net-ranges.ts';
import { RangeMap } from './range-map.ts';

/** Values of single addresses, found by address, and by a range that they lie in. */
export class SingleAddresses<V extends object> {
  /** Most addresses of a long list have just the one value: they share its set, which never changes. */
  readonly #shared = new WeakMap<V, Set<V>>();
  readonly #values: Readonly<Record<Family, Map<string, Set<V>>>> = { IPv4: new Map(), IPv6: new Map() };
  /** Made when it is first asked for: where no nets change, nobody asks. */
  readonly #sorted: Partial<Record<Family, RangeMap<string>>> = {};

  add(address: string, value: V): void {
    const family = familyOf(address);
    const values = this.#values[family].get(address);
    if (values === undefined) {
      this.#values[family].set(address, this.#alone(value));
      this.#sorted[family]?.update(rangeOf(address), () => address);
    } else if (this.#isShared(values)) {
      this.#values[family].set(address, new Set(values).add(value));
    } else {
      values.add(value);
    }
  }

  delete(address: string, value: V): void {
    const family = familyOf(address);
    const values = this.#values[family].get(address);
    if (!values?.has(value)) return;
    if (values.size > 1) {
      values.delete(value);
      return;
    }
    this.#values[family].delete(address);
    this.#sorted[family]?.update(rangeOf(address), () => undefined);
  }

  at(address: string): ReadonlySet<V> | undefined {
    return this.#values[familyOf(address)].get(address);
  }

  #alone(value: V): Set<V> {
    const present = this.#shared.get(value);
    if (present !== undefined) return present;
    const made = new Set([value]);
    this.#shared.set(value, made);
    return made;
  }

  #isShared(values: ReadonlySet<V>): boolean {
    const [first] = values;
    return this.#shared.get(first!) === values;
  }

  within(family: Family, range: AddressRange): string[] {
    const values = this.#values[family];
    this.#sorted[family] ??= sorted(values.keys());
    return this.#sorted[family].within(range).map(({ value }) => value);
  }
}

function rangeOf(address: string): AddressRange {
  const number = addressNumber(address);
  return { first: number, last: number };
}

function sorted(addresses: Iterable<string>): RangeMap<string> {
  const stretches = Array.from(addresses, (value) => ({ ...rangeOf(value), value }));
  stretches.sort((left, right) => (left.first < right.first ? -1 : 1));
  return new RangeMap((left, right) => left === right, stretches);
}
