import { bisect } from './bisection.ts';

/** Whole numbers from `first` to `last`, both included. */
export type Range = readonly [first: number, last: number];

/** Sorted, disjoint, with a gap between neighbours: the one way to write a set of numbers. */
export type Ranges = readonly Range[];

/** The numbers that are in any of the ranges. */
export function union(ranges: readonly Range[]): Ranges {
  const sorted = [...ranges].sort((left, right) => left[0] - right[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** The numbers that are in both. */
export function intersection(left: Ranges, right: Ranges): Ranges {
  const shared: Range[] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    const [a, b] = [left[i]!, right[j]!];
    const first = Math.max(a[0], b[0]);
    const last = Math.min(a[1], b[1]);
    if (first <= last) shared.push([first, last]);
    if (a[1] < b[1]) i += 1;
    else j += 1;
  }
  return shared;
}

/** The numbers that are in `from` and not in `removed`. */
export function subtraction(from: Ranges, removed: Ranges): Ranges {
  if (from.length === 0 || removed.length === 0) return from;
  return intersection(from, complement(removed, [Math.min(from[0]![0], removed[0]![0]), Math.max(from.at(-1)![1], removed.at(-1)![1])]));
}

/** The numbers of `within` that are in none of the ranges. */
export function complement(ranges: Ranges, within: Range): Ranges {
  const gaps: Range[] = [];
  let next = within[0];
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= within[1]) gaps.push([next, within[1]]);
  return gaps;
}

export function contains(ranges: Ranges, number: number): boolean {
  return bisect(ranges, ([first, last]) => (number < first ? -1 : number > last ? 1 : 0)) !== undefined;
}

export function sameRanges(left: Ranges, right: Ranges): boolean {
  return left.length === right.length && left.every(([first, last], index) => first === right[index]![0] && last === right[index]![1]);
}
