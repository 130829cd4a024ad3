import { bisect } from './bisection.ts';
import { type AddressRange, clipped } from './net-ranges.ts';

/** Addresses that have the same value. */
export interface Stretch<V> extends AddressRange {
  readonly value: V;
}

/** So many stretches are moved at most when one is put among them. */
const CHUNK = 256;

/**
 * Values of addresses, as disjoint stretches by rising address; neighbours have different values. To look one up costs by the logarithm of
 * their number, to change some by the number changed.
 */
export class RangeMap<V> {
  readonly #equal: (left: V, right: V) => boolean;
  /** One after the other they are all the stretches. None is empty. */
  #chunks: Stretch<V>[][];
  #size: number;

  /** @param stretches by rising address, disjoint */
  constructor(equal: (left: V, right: V) => boolean, stretches: Iterable<Stretch<V>> = []) {
    this.#equal = equal;
    const fused = fuse(stretches, equal);
    this.#chunks = inChunks(fused);
    this.#size = fused.length;
  }

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Generator<Stretch<V>> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  at(address: bigint): Stretch<V> | undefined {
    const chunk = bisect(this.#chunks, (stretches) => sideOf(address, stretches[0]!.first, stretches.at(-1)!.last));
    return chunk && bisect(chunk, ({ first, last }) => sideOf(address, first, last));
  }

  /** The stretches that share an address with the range, as they are: the outer ones may reach beyond it. */
  within({ first, last }: AddressRange): Stretch<V>[] {
    const found: Stretch<V>[] = [];
    for (let index = this.#chunkFrom(first); index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index]!;
      for (let at = stretchFrom(chunk, first); at < chunk.length; at += 1) {
        const stretch = chunk[at]!;
        if (stretch.first > last) return found;
        found.push(stretch);
      }
    }
    return found;
  }

  /** Gives each address of the range another value, by the one that it has; undefined is none. */
  update(range: AddressRange, change: (value: V | undefined) => V | undefined): void {
    const next: Stretch<V>[] = [];
    const add = ({ first, last }: AddressRange, value: V | undefined) => {
      if (first <= last && value !== undefined) next.push({ first, last, value });
    };
    let at = range.first;
    for (const stretch of this.within(range)) {
      const { first, last, value } = stretch;
      add({ first, last: range.first - 1n }, value);
      add({ first: at, last: first - 1n }, change(undefined));
      add(clipped(stretch, range), change(value));
      add({ first: range.last + 1n, last }, value);
      at = last + 1n;
    }
    add({ first: at, last: range.last }, change(undefined));
    this.#replace(range, next);
  }

  /** Puts stretches in the place of those that share an address with the range; these and their neighbours are made one where they are equal. */
  #replace(range: AddressRange, next: readonly Stretch<V>[]): void {
    const touched = { first: range.first - 1n, last: range.last + 1n };
    // What comes behind all others goes into the last chunk.
    const from = Math.min(this.#chunkFrom(touched.first), Math.max(this.#chunks.length - 1, 0));
    const to = firstIndex(this.#chunks, (chunk) => chunk[0]!.first > touched.last, from + 1);
    const stretches = to === from + 1 ? this.#chunks[from]! : this.#chunks.slice(from, to).flat();
    const start = stretchFrom(stretches, touched.first);
    const end = firstIndex(stretches, ({ first }) => first > touched.last, start);
    const around = stretches.slice(start, end);
    const left = around.filter(({ last }) => last < range.first);
    const right = around.filter(({ first }) => first > range.last);
    const fused = fuse([...left, ...next, ...right], this.#equal);
    this.#size += fused.length - around.length;
    this.#chunks.splice(from, to - from, ...inChunks(stretches.slice(0, start).concat(fused, stretches.slice(end))));
  }

  /** Index of the first chunk that does not end before the address. */
  #chunkFrom(address: bigint): number {
    return firstIndex(this.#chunks, (chunk) => chunk.at(-1)!.last >= address);
  }
}

function stretchFrom(chunk: readonly AddressRange[], address: bigint): number {
  return firstIndex(chunk, ({ last }) => last >= address);
}

/** Of the first from an index on for which it holds, when it holds for all that follow. */
function firstIndex<T>(sorted: readonly T[], holds: (item: T) => boolean, from = 0): number {
  let [low, high] = [Math.min(from, sorted.length), sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sideOf(address: bigint, first: bigint, last: bigint): number {
  return address < first ? -1 : address > last ? 1 : 0;
}

function fuse<V>(stretches: Iterable<Stretch<V>>, equal: (left: V, right: V) => boolean): Stretch<V>[] {
  const fused: Stretch<V>[] = [];
  for (const stretch of stretches) {
    const previous = fused.at(-1);
    const continues = previous !== undefined && previous.last + 1n === stretch.first && equal(previous.value, stretch.value);
    if (continues) fused[fused.length - 1] = { ...previous, last: stretch.last };
    else fused.push(stretch);
  }
  return fused;
}

function inChunks<T>(items: T[]): T[][] {
  if (items.length === 0) return [];
  if (items.length <= 2 * CHUNK) return [items];
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, index) => items.slice(index * CHUNK, (index + 1) * CHUNK));
}
