import type { Family } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { IntervalParts } from './interval-parts.ts';
import { type AddressRange, WHOLE } from './net-ranges.ts';

const MOST = 3;
const SPACE: Readonly<Record<Family, bigint>> = { IPv4: 1n << 27n, IPv6: 1n << 123n };

/** Of 32 places, far apart, those that have an interval: up to the place before the next one, so wide ones reach over the ends of parts. */
const anyIntervals = fc.uniqueArray(fc.nat(31), { maxLength: 20 });
const anyWidth = fc.constantFrom('one address', 'all but one');

function intervals(family: Family, places: readonly number[], width: string): AddressRange[] {
  const rising = places.toSorted((left, right) => left - right);
  return rising.map((place, index) => {
    const first = BigInt(place) * SPACE[family];
    const next = rising[index + 1];
    const end = next === undefined ? WHOLE[family].last + 1n : BigInt(next) * SPACE[family];
    return { first, last: width === 'one address' ? first : end - 2n };
  });
}

const text = ({ first, last }: AddressRange) => `${first}-${last}`;
const shown = (parts: IntervalParts) =>
  Array.from(parts, ({ key, range, intervals: held }) => `${key} ${text(range)}: ${[...held].map(text)}`);

test('parts have few intervals each, all of them together, and each within its part', (t) => {
  fc.assert(
    fc.property(fc.constantFrom<Family>('IPv4', 'IPv6'), anyIntervals, anyWidth, (family, places, width) => {
      const wanted = intervals(family, places, width);
      const found: { first: bigint; last: bigint }[] = [];
      let end = -1n;
      for (const { range, intervals: held } of IntervalParts.of(family, MOST, wanted)) {
        t.true(range.first > end && held.size > 0 && held.size <= MOST);
        end = range.last;
        for (const { first, last } of held) {
          t.true(range.first <= first && last <= range.last);
          if (found.at(-1)?.last === first - 1n) found.at(-1)!.last = last;
          else found.push({ first, last });
        }
      }
      t.deepEqual(found, wanted);
    }),
  );
});

test('which parts there are does not depend on how the intervals came to be these', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom<Family>('IPv4', 'IPv6'),
      fc.array(fc.tuple(anyIntervals, anyWidth), { minLength: 2, maxLength: 6 }),
      (family, states) => {
        let [parts, present] = [IntervalParts.of(family, MOST), [] as AddressRange[]];
        for (const [places, width] of states) {
          const next = intervals(family, places, width);
          const [before, after] = [new Set(present.map(text)), new Set(next.map(text))];
          parts = parts.replace(
            present.filter((range) => !after.has(text(range))),
            next.filter((range) => !before.has(text(range))),
          );
          present = next;
          t.deepEqual(shown(parts), shown(IntervalParts.of(family, MOST, next)));
        }
      },
    ),
  );
});

test('a change leaves the lists of all other parts as they are', (t) => {
  const places = Array.from({ length: 32 }, (_, place) => place);
  const parts = IntervalParts.of('IPv4', MOST, intervals('IPv4', places, 'one address'));
  const [gone] = intervals('IPv4', [9], 'one address');
  const before = [...parts];
  const after = [...parts.replace([gone!], [{ first: gone!.first, last: gone!.first + 5n }])];
  t.is(before.length, 16);
  t.deepEqual(
    after.flatMap(({ key, intervals: held }, index) => (held === before[index]!.intervals ? [] : [key])),
    ['40000000_4'],
  );
});

test('one interval over all of the address space is one part, and beside many no more than the parts that are there anyhow', (t) => {
  t.deepEqual(shown(IntervalParts.of('IPv6', 1, [WHOLE.IPv6])), [` ${text(WHOLE.IPv6)}: ${text(WHOLE.IPv6)}`]);
  const narrow = [0n, 2n, 4n, 6n].map((first) => ({ first, last: first }));
  const parts = [...IntervalParts.of('IPv4', MOST, [...narrow, { first: 8n, last: WHOLE.IPv4.last }])];
  // One behind each bit of the way down.
  t.is(parts.length, 32 - 2 + 1);
});
