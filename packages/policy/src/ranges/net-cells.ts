import { type AddressRange, clipped } from './net-ranges.ts';
import { RangeMap, type Stretch } from './range-map.ts';

/** Which criteria hold for an address by its nets. Never none. */
export interface Criteria {
  /** Rising. */
  readonly numbers: readonly number[];
  /** Equal for equal numbers. */
  readonly text: string;
}

const sameCriteria = (left: Criteria, right: Criteria) => left.text === right.text;

/** The address space, cut where the nets of any criterion begin or end. What is in no net is in no cell. */
export class NetCells {
  readonly #cells: RangeMap<Criteria>;

  /** @param spans for each criterion, by its number, ranges that may overlap */
  constructor(spans: ReadonlyMap<number, Iterable<AddressRange>> = new Map()) {
    this.#cells = new RangeMap(sameCriteria, cells(spans));
  }

  get size(): number {
    return this.#cells.size;
  }

  at(address: bigint): Stretch<Criteria> | undefined {
    return this.#cells.at(address);
  }

  within(range: AddressRange): Stretch<Criteria>[] {
    return this.#cells.within(range);
  }

  /** Lets a criterion hold within a range for those addresses alone that are in `held`. */
  mark(criterion: number, range: AddressRange, held: Iterable<AddressRange>): void {
    this.#cells.update(range, (value) => value && criteria(value.numbers.filter((number) => number !== criterion)));
    for (const part of held) {
      this.#cells.update(clipped(part, range), (value) => criteria([...(value?.numbers ?? []), criterion]));
    }
  }
}

function criteria(numbers: Iterable<number>): Criteria | undefined {
  const rising = [...numbers].sort((left, right) => left - right);
  return rising.length === 0 ? undefined : { numbers: rising, text: rising.join(',') };
}

function* cells(spans: ReadonlyMap<number, Iterable<AddressRange>>): Generator<Stretch<Criteria>> {
  const edges: { at: bigint; criterion: number; step: 1 | -1 }[] = [];
  for (const [criterion, ranges] of spans) {
    for (const { first, last } of ranges) edges.push({ at: first, criterion, step: 1 }, { at: last + 1n, criterion, step: -1 });
  }
  edges.sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
  const depth = new Map<number, number>();
  let latest: Criteria | undefined;
  for (const [index, { at, criterion, step }] of edges.entries()) {
    const now = (depth.get(criterion) ?? 0) + step;
    if (now === 0) depth.delete(criterion);
    else depth.set(criterion, now);
    const next = edges[index + 1]?.at;
    if (next === undefined || next === at) continue;
    const value = criteria(depth.keys());
    if (value === undefined) continue;
    // Of a long list, most cells are like the one before: they share one value.
    if (latest?.text !== value.text) latest = value;
    yield { first: at, last: next - 1n, value: latest };
  }
}
