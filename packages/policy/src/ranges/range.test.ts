import test from 'ava';
import fc from 'fast-check';
import { complement, intersection, type Range, subtraction, union } from './range.ts';

const AXIS: Range = [0, 15];
const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 15 }))
  .map(([a, b]): Range => [Math.min(a, b), Math.max(a, b)]);
const anyRanges = fc.array(anyRange, { maxLength: 5 });

const numbers = (ranges: readonly Range[]): Set<number> =>
  new Set(
    Array.from({ length: 16 }, (_, number) => number).filter((number) => ranges.some(([first, last]) => first <= number && number <= last)),
  );
const whole = numbers([AXIS]);

test('operations on ranges are those on the numbers in them, written in the one canonical way', (t) => {
  fc.assert(
    fc.property(anyRanges, anyRanges, (one, other) => {
      const [left, right] = [union(one), union(other)];
      const same = (result: readonly Range[], expected: Set<number>) => {
        t.deepEqual(numbers(result), expected);
        t.deepEqual(result, union([...expected].map((number) => [number, number])));
      };
      same(left, numbers(one));
      same(intersection(left, right), numbers(one).intersection(numbers(other)));
      same(subtraction(left, right), numbers(one).difference(numbers(other)));
      same(complement(left, AXIS), whole.difference(numbers(one)));
    }),
  );
});
