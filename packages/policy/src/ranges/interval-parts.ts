import type { Family } from '@weir/resources';
import { IntervalList } from './interval-list.ts';
import { type AddressRange, clipped, WHOLE } from './net-ranges.ts';

/** Intervals within one part of the address space, which is all addresses that begin with the same bits. */
export interface Part {
  /** Equal for equal parts, and of letters, digits and `_` alone. Of the whole address space it is empty. */
  readonly key: string;
  readonly range: AddressRange;
  readonly intervals: IntervalList;
}

interface Place {
  readonly range: AddressRange;
  /** Of the prefix. */
  readonly length: number;
}

interface Leaf extends Place {
  readonly intervals: IntervalList;
}

interface Fork extends Place {
  /** Intervals that reach into it. One that reaches into both halves counts once. */
  readonly size: number;
  readonly halves: readonly [Node, Node];
}

type Node = Leaf | Fork;

/**
 * A list of intervals by parts, none of which has more than some number of them: what has more is halved, again and again. So a change is
 * one of a short list, wherever in a long one it is. An interval that reaches over the end of a part is cut there, which seldom happens,
 * since as many intervals as make a part be halved lie beside it. Never changed; which parts there are follows from the intervals alone,
 * not from the order in which they came.
 */
export class IntervalParts {
  readonly #family: Family;
  readonly #most: number;
  readonly #root: Node;

  private constructor(family: Family, most: number, root: Node) {
    this.#family = family;
    this.#most = most;
    this.#root = root;
  }

  /**
   * @param most intervals of a part
   * @param ranges by rising address, with gaps between them
   */
  static of(family: Family, most: number, ranges: readonly AddressRange[] = []): IntervalParts {
    return new IntervalParts(family, most, halved(ranges, { range: WHOLE[family], length: 0 }, { family, most }));
  }

  /** Those that have intervals, by rising address. */
  [Symbol.iterator](): Generator<Part> {
    return partsOf(this.#root);
  }

  /**
   * The same with some intervals taken out and others put in.
   *
   * @param gone all of them in the list; both by rising address, and no two of those that are there then touch each other
   */
  replace(gone: readonly AddressRange[], come: readonly AddressRange[]): IntervalParts {
    const [family, most] = [this.#family, this.#most];
    return new IntervalParts(family, most, changed(this.#root, { gone, come }, { family, most }));
  }
}

type Limit = { readonly family: Family; readonly most: number };
type Change = { readonly gone: readonly AddressRange[]; readonly come: readonly AddressRange[] };

function* partsOf(node: Node): Generator<Part> {
  if ('halves' in node) {
    for (const half of node.halves) yield* partsOf(half);
  } else if (node.intervals.size > 0) {
    const { range, length, intervals } = node;
    yield { key: length === 0 ? '' : `${range.first.toString(16)}_${length}`, range, intervals };
  }
}

function changed(node: Node, { gone, come }: Change, limit: Limit): Node {
  if (gone.length + come.length === 0) return node;
  const { range, length } = node;
  const isFork = 'halves' in node;
  const size = (isFork ? node.size : node.intervals.size) + come.length - gone.length;
  if (isFork && size > limit.most) {
    const halves = node.halves.map((half) => changed(half, { gone: within(gone, half.range), come: within(come, half.range) }, limit));
    return { range, length, size, halves: halves as [Node, Node] };
  }
  const present = isFork ? IntervalList.of(limit.family, joined(node)) : node.intervals;
  const intervals = present.replace(gone, come);
  return size > limit.most ? halved([...intervals], node, limit) : { range, length, intervals };
}

/** @param ranges those that reach into the place, cut at its ends */
function halved(ranges: readonly AddressRange[], { range, length }: Place, limit: Limit): Node {
  if (ranges.length <= limit.most) return { range, length, intervals: IntervalList.of(limit.family, ranges) };
  const middle = range.first + (range.last - range.first + 1n) / 2n;
  const behind = firstFrom(ranges, middle);
  const across = ranges[behind - 1];
  const isAcross = across !== undefined && across.last >= middle;
  const lower = ranges.slice(0, behind);
  const upper = ranges.slice(behind);
  if (isAcross) {
    lower[behind - 1] = { first: across.first, last: middle - 1n };
    upper.unshift({ first: middle, last: across.last });
  }
  const places = [
    { first: range.first, last: middle - 1n },
    { first: middle, last: range.last },
  ] as const;
  const [one, other] = places.map((half) => ({ range: half, length: length + 1 })) as [Place, Place];
  return { range, length, size: ranges.length, halves: [halved(lower, one, limit), halved(upper, other, limit)] };
}

/** Index of the first that begins at the address or behind it. */
function firstFrom(ranges: readonly AddressRange[], address: bigint): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.first < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** All intervals of a node, whole again where they were cut. */
function joined(node: Node): AddressRange[] {
  const whole: AddressRange[] = [];
  for (const { intervals } of partsOf(node)) {
    for (const { first, last } of intervals) {
      const previous = whole.at(-1);
      if (previous?.last === first - 1n) whole[whole.length - 1] = { first: previous.first, last };
      else whole.push({ first, last });
    }
  }
  return whole;
}

function within(ranges: readonly AddressRange[], part: AddressRange): AddressRange[] {
  return ranges.filter(({ first, last }) => first <= part.last && last >= part.first).map((range) => clipped(range, part));
}
