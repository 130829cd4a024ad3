import type { Family } from '@weir/resources';
import type { AddressRange } from './net-ranges.ts';

/** Intervals of a chunk at most, but for the change of some in its midst. */
const CHUNK = 512;
/** Of one address. */
const BYTES: Readonly<Record<Family, 4 | 16>> = { IPv4: 4, IPv6: 16 };

/**
 * Disjoint ranges of addresses by rising address, as bytes: first and last of each, in network order, which is how they sort and how the
 * kernel takes them. A million of them are 8 MB, and nothing for the garbage collector to look through. Never changed: a list with some
 * ranges more or less shares all chunks that these are not in.
 */
export class IntervalList {
  readonly family: Family;
  readonly size: number;
  /** None is empty. */
  readonly chunks: readonly Uint8Array[];

  private constructor(family: Family, chunks: readonly Uint8Array[]) {
    this.family = family;
    this.chunks = chunks;
    this.size = chunks.reduce((sum, { length }) => sum + length, 0) / intervalBytes(family);
  }

  /** @param ranges by rising address, disjoint */
  static of(family: Family, ranges: readonly AddressRange[] = []): IntervalList {
    return IntervalList.ofBytes(family, encode(family, ranges));
  }

  /** @param bytes first and last of each, one after the other; kept, not copied */
  static ofBytes(family: Family, bytes: Uint8Array): IntervalList {
    return new IntervalList(family, inChunks(bytes, CHUNK * intervalBytes(family)));
  }

  *[Symbol.iterator](): Generator<AddressRange> {
    for (const chunk of this.chunks) yield* decode(this.family, chunk);
  }

  /**
   * A list with some ranges taken out and others put in. Costs by the chunks from the first of these to the last.
   *
   * @param gone all of them in the list; both by rising address
   */
  replace(gone: readonly AddressRange[], come: readonly AddressRange[]): IntervalList {
    const { family, chunks } = this;
    const width = intervalBytes(family);
    const [out, into] = [encode(family, gone), encode(family, come)];
    const edges = [out, into].filter(({ length }) => length > 0);
    if (edges.length === 0) return this;
    const lowest = edges.map((bytes) => bytes.subarray(0, width)).reduce((one, other) => (Buffer.compare(one, other) < 0 ? one : other));
    const highest = edges.map((bytes) => bytes.subarray(-width)).reduce((one, other) => (Buffer.compare(one, other) > 0 ? one : other));
    // What comes before all chunks goes into the first, and so on: between two chunks, into the later.
    const from = Math.min(chunkFrom(chunks, lowest, width), Math.max(chunks.length - 1, 0));
    const to = Math.min(chunkFrom(chunks, highest, width) + 1, chunks.length);
    const merged = merge(Buffer.concat(chunks.slice(from, to)), { out, into, width });
    const pieces = merged.length > 2 * CHUNK * width ? inChunks(merged, CHUNK * width) : merged.length > 0 ? [merged] : [];
    return new IntervalList(family, [...chunks.slice(0, from), ...pieces, ...chunks.slice(to)]);
  }
}

/**
 * What has to go and to come so that one list becomes the other: intervals as their bytes, one after the other. Chunks that both have in
 * common are not looked at.
 */
export function intervalDifference(before: IntervalList, after: IntervalList): { gone: Uint8Array; come: Uint8Array } {
  const width = intervalBytes(before.family);
  const [gone, come]: [Uint8Array[], Uint8Array[]] = [[], []];
  const [old, now] = [new Cursor(before.chunks, width), new Cursor(after.chunks, width)];
  while (!old.isAtEnd || !now.isAtEnd) {
    if (old.offset === 0 && now.offset === 0 && old.chunk === now.chunk) {
      old.skipChunk();
      now.skipChunk();
      continue;
    }
    const order = now.isAtEnd ? -1 : old.isAtEnd ? 1 : compareAt(old.chunk!, old.offset, now.chunk!, now.offset, width);
    if (order < 0) gone.push(old.interval);
    if (order > 0) come.push(now.interval);
    if (order <= 0) old.next();
    if (order >= 0) now.next();
  }
  return { gone: Buffer.concat(gone), come: Buffer.concat(come) };
}

/** The ranges that bytes stand for. */
export function* decode(family: Family, bytes: Uint8Array): Generator<AddressRange> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = BYTES[family];
  const number = (at: number) =>
    family === 'IPv4' ? BigInt(view.getUint32(at)) : (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
  for (let at = 0; at < bytes.length; at += 2 * width) yield { first: number(at), last: number(at + width) };
}

function encode(family: Family, ranges: readonly AddressRange[]): Uint8Array {
  const bytes = new Uint8Array(ranges.length * intervalBytes(family));
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (number: bigint) => {
    if (family === 'IPv4') view.setUint32(at, Number(number));
    else {
      view.setBigUint64(at, number >> 64n);
      view.setBigUint64(at + 8, number & 0xffff_ffff_ffff_ffffn);
    }
    at += BYTES[family];
  };
  for (const { first, last } of ranges) {
    put(first);
    put(last);
  }
  return bytes;
}

function intervalBytes(family: Family): number {
  return 2 * BYTES[family];
}

function inChunks(bytes: Uint8Array, step: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) => bytes.subarray(index * step, (index + 1) * step));
}

/** Index of the first chunk whose last interval does not come before this one. */
function chunkFrom(chunks: readonly Uint8Array[], interval: Uint8Array, width: number): number {
  let [low, high] = [0, chunks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(chunks[middle]!.subarray(-width), interval) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Copies what stays between two changes as a whole. */
function merge(present: Uint8Array, { out, into, width }: { out: Uint8Array; into: Uint8Array; width: number }): Uint8Array {
  const merged = new Uint8Array(present.length + into.length - out.length);
  let [from, to, gone, come] = [0, 0, 0, 0];
  const copy = (bytes: Uint8Array, start: number, end: number) => {
    merged.set(bytes.subarray(start, end), to);
    to += end - start;
  };
  while (gone < out.length || come < into.length) {
    const isGone = come === into.length || (gone < out.length && compareAt(out, gone, into, come, width) < 0);
    const place = isGone ? placeOf(present, out, gone, width) : placeOf(present, into, come, width);
    copy(present, from, place);
    from = place;
    if (isGone) {
      from += width;
      gone += width;
    } else {
      copy(into, come, come + width);
      come += width;
    }
  }
  copy(present, from, present.length);
  return merged;
}

/** Offset of the first interval that does not come before this one. */
function placeOf(present: Uint8Array, bytes: Uint8Array, at: number, width: number): number {
  let [low, high] = [0, present.length / width];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareAt(present, middle * width, bytes, at, width) < 0) low = middle + 1;
    else high = middle;
  }
  return low * width;
}

/** By their bytes. A loop is much faster here than a call of Buffer's. */
function compareAt(left: Uint8Array, leftAt: number, right: Uint8Array, rightAt: number, width: number): number {
  for (let at = 0; at < width; at += 1) {
    const difference = left[leftAt + at]! - right[rightAt + at]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A place in a list. */
class Cursor {
  readonly #chunks: readonly Uint8Array[];
  readonly #width: number;
  #index = 0;
  /** In bytes, within the chunk. */
  offset = 0;

  constructor(chunks: readonly Uint8Array[], width: number) {
    this.#chunks = chunks;
    this.#width = width;
  }

  get chunk(): Uint8Array | undefined {
    return this.#chunks[this.#index];
  }

  get isAtEnd(): boolean {
    return this.#index === this.#chunks.length;
  }

  get interval(): Uint8Array {
    return this.chunk!.subarray(this.offset, this.offset + this.#width);
  }

  next(): void {
    this.offset += this.#width;
    if (this.offset === this.chunk!.length) this.skipChunk();
  }

  skipChunk(): void {
    this.#index += 1;
    this.offset = 0;
  }
}
