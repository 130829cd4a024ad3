import { bisect } from './bisection.ts';
import { complement, contains, intersection, type Range, type Ranges, sameRanges, subtraction, union } from './range.ts';

/**
 * The traffic of one protocol is a plane: source port across and destination port down; for ICMP type and code; for a protocol that
 * has neither, the single point (0, 0).
 */
export interface Plane {
  readonly first: Range;
  readonly second: Range;
}

export const PORT_PLANE: Plane = { first: [0, 65535], second: [0, 65535] };
export const ICMP_PLANE: Plane = { first: [0, 255], second: [0, 255] };
export const POINT_PLANE: Plane = { first: [0, 0], second: [0, 0] };

/** A rectangle of a plane, as a product of two sets. */
export interface Box {
  readonly first: Ranges;
  readonly second: Ranges;
}

/**
 * A part of a plane: rows by rising `first`, disjoint, none empty, and no two that touch with the same `second`. There is one way only to
 * write a part, so equal regions have equal text.
 */
export type Region = readonly Row[];

export interface Row {
  readonly first: Range;
  readonly second: Ranges;
}

export const EMPTY: Region = [];

export function wholePlane(plane: Plane): Region {
  return [{ first: plane.first, second: [plane.second] }];
}

/** What a rule does with the part of a plane that it is about. `Log` ends nothing; `Pass` keeps it from all rules up to `EndOfTier`. */
export interface Stroke {
  readonly action: 'Allow' | 'Deny' | 'Log' | 'Pass' | 'EndOfTier';
  readonly boxes: readonly Box[];
}

/** What a column of a plane comes to: its allowed part, and what each `Log` rule, in order, sees of it. */
interface Column {
  readonly allowed: Ranges;
  readonly logged: readonly Ranges[];
}

/**
 * Ranges that a plane's rules may be brought to: more than anybody has ports to tell apart both ways. Rules that were made to be costly
 * come to many times as many as they have letters, on every host that knows of them.
 */
export const MOST_RANGES = 65_536;

/**
 * Applies rules to a plane, the first that matches a point deciding it. Rules that come to more than {@link MOST_RANGES} allow nothing.
 *
 * @param rest what holds where no rule decided
 * @returns the allowed part, and for each `Log` rule, in order, the part that gets as far as that rule and matches it
 */
export function firstMatch(strokes: readonly Stroke[], rest: 'Allow' | 'Deny', plane: Plane): { allowed: Region; logged: Region[] } {
  const allowed: Row[] = [];
  const logged: Row[][] = strokes.filter(({ action }) => action === 'Log').map(() => []);
  // Of what many rows have in common there is one.
  const known = new Map<string, Column>();
  let ranges = 0;
  for (const first of columns(strokes, plane.first)) {
    const met = strokes.map(({ action, boxes }) => ({
      action,
      boxes: boxes.map((box) => (contains(box.first, first[0]) ? box : undefined)),
    }));
    const key = met.map(({ boxes }) => boxes.map((box) => (box === undefined ? 0 : 1)).join('')).join(' ');
    let column = known.get(key);
    if (column === undefined) {
      column = columnOf(met, rest, plane);
      known.set(key, column);
      ranges += column.allowed.length + column.logged.reduce((sum, { length }) => sum + length, 0);
      if (ranges > MOST_RANGES) return { allowed: EMPTY, logged: logged.map(() => EMPTY) };
    }
    append(allowed, first, column.allowed);
    for (const [index, hit] of column.logged.entries()) append(logged[index]!, first, hit);
  }
  return { allowed, logged };
}

/** @param strokes with those of their boxes that have the column */
function columnOf(
  strokes: readonly { action: Stroke['action']; boxes: readonly (Box | undefined)[] }[],
  rest: 'Allow' | 'Deny',
  plane: Plane,
): Column {
  const logged: Ranges[] = [];
  let open: Ranges = [plane.second];
  let taken: Range[] = [];
  let passed: Range[] = [];
  for (const { action, boxes } of strokes) {
    if (action === 'EndOfTier') {
      open = union(passed.concat(open));
      passed = [];
      continue;
    }
    const matching = boxes.flatMap((box) => box?.second ?? []);
    const hit = matching.length === 0 ? [] : intersection(open, union(matching));
    if (action === 'Log') {
      logged.push(hit);
      continue;
    }
    if (action === 'Allow') taken = taken.concat(hit);
    if (action === 'Pass') passed = passed.concat(hit);
    open = subtraction(open, hit);
  }
  return { allowed: union(rest === 'Allow' ? taken.concat(open, passed) : taken), logged };
}

/** Whether a point of the plane is in the region. */
export function holdsPoint(region: Region, first: number, second: number): boolean {
  const row = bisect(region, ({ first: across }) => (first < across[0] ? -1 : first > across[1] ? 1 : 0));
  return row !== undefined && contains(row.second, second);
}

/** The part of the plane that is not in the region. */
export function regionComplement(region: Region, plane: Plane): Region {
  const rows: Row[] = [];
  const bounds = union(region.map(({ first }) => first));
  const outside = complement(bounds, plane.first).map((first) => ({ first, second: [plane.second] as Ranges }));
  // Rows that have a part in common still have, which those who write it out look for.
  const without = new Map(region.map(({ second }) => [second, complement(second, plane.second)]));
  const inside = region.map(({ first, second }) => ({ first, second: without.get(second)! }));
  for (const { first, second } of [...outside, ...inside].sort((left, right) => left.first[0] - right.first[0]))
    append(rows, first, second);
  return rows;
}

/** The points that are in both. */
export function regionIntersection(left: Region, right: Region): Region {
  const rows: Row[] = [];
  for (const one of left) {
    for (const other of right) {
      const [first] = intersection([one.first], [other.first]);
      if (first !== undefined) append(rows, first, intersection(one.second, other.second));
    }
  }
  return rows;
}

/** Whether some point is in `left` and not in `right`. */
export function exceeds(left: Region, right: Region): boolean {
  return left.some(({ first, second }) => {
    const covered = right.filter((row) => row.first[0] <= first[1] && first[0] <= row.first[1]);
    const gaps = subtraction([first], union(covered.map((row) => row.first)));
    return gaps.length > 0 || covered.some((row) => subtraction(second, row.second).length > 0);
  });
}

export function isWhole(region: Region, plane: Plane): boolean {
  const [row, more] = region;
  return row !== undefined && more === undefined && sameRanges([row.first], [plane.first]) && sameRanges(row.second, [plane.second]);
}

/** Cuts the axis where any rule begins or ends, so that all points of a column meet the same rules. */
function columns(strokes: readonly Stroke[], axis: Range): Range[] {
  const starts = new Set([axis[0]]);
  for (const { boxes } of strokes) {
    for (const box of boxes) {
      for (const [first, last] of box.first) {
        starts.add(first);
        if (last < axis[1]) starts.add(last + 1);
      }
    }
  }
  const sorted = [...starts].sort((left, right) => left - right);
  return sorted.map((start, index) => [start, (sorted[index + 1] ?? axis[1] + 1) - 1]);
}

function append(rows: Row[], first: Range, second: Ranges): void {
  if (second.length === 0) return;
  const previous = rows.at(-1);
  if (previous !== undefined && previous.first[1] + 1 === first[0] && sameRanges(previous.second, second)) {
    rows[rows.length - 1] = { first: [previous.first[0], first[1]], second };
  } else {
    rows.push({ first, second });
  }
}
