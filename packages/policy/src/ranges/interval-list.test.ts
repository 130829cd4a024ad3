import type { Family } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { decode, IntervalList, intervalDifference } from './interval-list.ts';
import type { AddressRange } from './net-ranges.ts';

const families = fc.constantFrom<Family>('IPv4', 'IPv6');
/** Every place has one range at most, so that any of them together are disjoint. Enough to make several chunks, close together and far apart. */
const places = fc.oneof(
  fc.uniqueArray(fc.nat(40)),
  fc.integer({ min: 0, max: 3000 }).map((count) => Array.from({ length: count }, (_, at) => at)),
);
const lengths = fc.constantFrom(0n, 2n);

function rangeAt(family: Family, place: number, length: bigint): AddressRange {
  const first = BigInt(place) * (family === 'IPv4' ? 800_000n : 1n << 100n);
  return { first, last: first + length };
}

/** Much faster to compare than objects are. */
const text = (ranges: Iterable<AddressRange>) => Array.from(ranges, ({ first, last }) => `${first}-${last}`).join(' ');

const rangesOf = (family: Family, at: readonly number[], length: bigint) =>
  at.toSorted((a, b) => a - b).map((place) => rangeAt(family, place, length));

test('a list holds its ranges, and the difference of two is what the one has and the other lacks', (t) => {
  fc.assert(
    fc.property(families, places, places, lengths, lengths, (family, before, after, one, other) => {
      const [old, now] = [rangesOf(family, before, one), rangesOf(family, after, other)];
      const [first, second] = [IntervalList.of(family, old), IntervalList.of(family, now)];
      t.is(text(first), text(old));
      t.is(first.size, old.length);
      const stays = one === other ? new Set(before).intersection(new Set(after)) : new Set<number>();
      const { gone, come } = intervalDifference(first, second);
      const without = (all: readonly number[]) => all.filter((place) => !stays.has(place));
      t.is(text(decode(family, gone)), text(rangesOf(family, without(before), one)));
      t.is(text(decode(family, come)), text(rangesOf(family, without(after), other)));
    }),
    { numRuns: 20 },
  );
});

test('a list with ranges replaced is the list made of what is left, and the one before stays as it was', (t) => {
  fc.assert(
    fc.property(
      families,
      places,
      fc.array(fc.record({ from: fc.nat(3000), count: fc.nat(30), isGone: fc.boolean() }), { maxLength: 8 }),
      (family, start, steps) => {
        let present = new Set(start);
        let list = IntervalList.of(family, rangesOf(family, start, 0n));
        for (const { from, count, isGone } of steps) {
          const around = Array.from({ length: count }, (_, at) => from + at);
          const [gone, come] = [
            isGone ? around.filter((place) => present.has(place)) : [],
            isGone ? [] : around.filter((place) => !present.has(place)),
          ];
          const before = list;
          const listed = text(before);
          list = list.replace(rangesOf(family, gone, 0n), rangesOf(family, come, 0n));
          present = present.difference(new Set(gone)).union(new Set(come));
          t.is(text(list), text(rangesOf(family, [...present], 0n)));
          t.is(text(before), listed);
          t.true(list.chunks.every(({ length }) => length > 0));
          const { gone: out, come: into } = intervalDifference(before, list);
          t.deepEqual([[...decode(family, out)].length, [...decode(family, into)].length], [gone.length, come.length]);
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('what is not near a change is shared', (t) => {
  const all = Array.from({ length: 10_000 }, (_, at) => at);
  const before = IntervalList.of(
    'IPv4',
    rangesOf(
      'IPv4',
      all.filter((at) => at !== 5000),
      0n,
    ),
  );
  const after = before.replace([], [rangeAt('IPv4', 5000, 0n)]);
  t.is(after.chunks.filter((chunk) => !before.chunks.includes(chunk)).length, 1);
});
