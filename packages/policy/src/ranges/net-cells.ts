import { type AddressRange, clipped } from './net-ranges.ts';
import { RangeMap, type Stretch } from './range-map.ts';

/** Which criteria hold for an address by its nets. Never none. */
export interface Criteria {
  /** Rising. */
  readonly numbers: readonly number[];
  /** Equal for equal numbers. */
  readonly text: string;
}

/** Where a criterion holds. */
export interface Span {
  readonly criterion: number;
  /** By rising address, disjoint. */
  readonly ranges: Iterable<AddressRange>;
  /** How many they are. */
  readonly size: number;
}

const sameCriteria = (left: Criteria, right: Criteria) => left.text === right.text;

/** The address space, cut where the nets of any criterion begin or end. What is in no net is in no cell. */
export class NetCells {
  readonly #cells: RangeMap<Criteria>;

  /** @param spans for each criterion, by its number, ranges by rising address */
  constructor(spans: readonly Span[] = []) {
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

function* cells(spans: readonly Span[]): Generator<Stretch<Criteria>> {
  const held = new Set<number>();
  let from = 0n;
  let latest: Criteria | undefined;
  for (const { at, criterion, isStart } of edges(spans)) {
    if (held.size > 0 && at > from) {
      const value = criteria(held)!;
      // Of a long list, most cells are like the one before: they share one value.
      if (latest?.text !== value.text) latest = value;
      yield { first: from, last: at - 1n, value: latest };
    }
    from = at;
    if (isStart) held.add(criterion);
    else held.delete(criterion);
  }
}

/** Where a range begins, or where the addresses behind it do. */
interface Edge {
  readonly at: bigint;
  readonly criterion: number;
  readonly isStart: boolean;
}

/** All edges by rising address, ends before starts. One list is mostly much longer than all others together: it is not sorted again. */
function* edges(spans: readonly Span[]): Generator<Edge> {
  const [longest, ...others] = spans.toSorted((left, right) => right.size - left.size);
  if (longest === undefined) return;
  const rest = others.flatMap((span) => [...edgesOf(span)]).sort(inOrder);
  let next = 0;
  for (const edge of edgesOf(longest)) {
    for (; next < rest.length && inOrder(rest[next]!, edge) < 0; next += 1) yield rest[next]!;
    yield edge;
  }
  yield* rest.slice(next);
}

function* edgesOf({ criterion, ranges }: Span): Generator<Edge> {
  for (const { first, last } of ranges) {
    yield { at: first, criterion, isStart: true };
    yield { at: last + 1n, criterion, isStart: false };
  }
}

/** Where one range of a criterion ends and the next begins, the criterion holds on. */
function inOrder(left: Edge, right: Edge): number {
  if (left.at !== right.at) return left.at < right.at ? -1 : 1;
  return Number(left.isStart) - Number(right.isStart);
}
