import { cidrRange, type Family, familyOf } from '@weir/resources';
import { bisect } from './bisection.ts';
import type { AddressRange } from './net-ranges.ts';

/** A stretch of addresses that lie in the same nets. */
export interface Cell extends AddressRange {
  /** Numbers of the criteria whose nets hold the stretch, rising. Never empty. */
  readonly criteria: readonly number[];
}

/** What each criterion spans. */
export function cidrRanges(cidrs: Iterable<string>, family: Family): AddressRange[] {
  return [...cidrs].filter((cidr) => familyOf(cidr) === family).map((cidr) => cidrRange(cidr));
}

/**
 * Cuts the address space where the nets of any criterion begin or end.
 *
 * @param spans for each criterion, by its number, ranges that may overlap
 * @returns cells by rising address, disjoint, neighbours different; what is in no net is in no cell
 */
export function netCells(spans: ReadonlyMap<number, readonly AddressRange[]>): Cell[] {
  const edges: { at: bigint; criterion: number; step: 1 | -1 }[] = [];
  for (const [criterion, ranges] of spans) {
    for (const { first, last } of ranges) edges.push({ at: first, criterion, step: 1 }, { at: last + 1n, criterion, step: -1 });
  }
  edges.sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
  const depth = new Map<number, number>();
  const cells: Cell[] = [];
  for (const [index, { at, criterion, step }] of edges.entries()) {
    const now = (depth.get(criterion) ?? 0) + step;
    if (now === 0) depth.delete(criterion);
    else depth.set(criterion, now);
    const next = edges[index + 1]?.at;
    if (next === undefined || next === at || depth.size === 0) continue;
    append(cells, { first: at, last: next - 1n, criteria: [...depth.keys()].sort((left, right) => left - right) });
  }
  return cells;
}

/** The one of disjoint ranges by rising address that holds an address. */
export function rangeAt<T extends AddressRange>(ranges: readonly T[], address: bigint): T | undefined {
  return bisect(ranges, ({ first, last }) => (address < first ? -1 : address > last ? 1 : 0));
}

function append(cells: Cell[], cell: Cell): void {
  const previous = cells.at(-1);
  const continues = previous !== undefined && previous.last + 1n === cell.first && String(previous.criteria) === String(cell.criteria);
  if (continues) cells[cells.length - 1] = { ...previous, last: cell.last };
  else cells.push(cell);
}
