import test from 'ava';
import fc from 'fast-check';
import { contains, type Range, union } from './range.ts';
import { type Box, exceeds, firstMatch, isWhole, type Plane, type Region, regionComplement, type Stroke } from './region.ts';

const PLANE: Plane = { first: [0, 4], second: [0, 4] };
const POINTS = [0, 1, 2, 3, 4].flatMap((first) => [0, 1, 2, 3, 4].map((second) => ({ first, second })));

const anyRanges = fc
  .array(
    fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })).map(([a, b]): Range => [Math.min(a, b), Math.max(a, b)]),
    {
      maxLength: 2,
    },
  )
  .map(union);
const anyBox: fc.Arbitrary<Box> = fc.record({ first: anyRanges, second: anyRanges });
const anyStrokes = fc.array(
  fc.record({
    action: fc.constantFrom<Stroke['action']>('Allow', 'Deny', 'Log', 'Pass', 'EndOfTier'),
    boxes: fc.array(anyBox, { maxLength: 3 }),
  }),
  { maxLength: 6 },
);
const anyRest = fc.constantFrom<'Allow' | 'Deny'>('Allow', 'Deny');

type Point = (typeof POINTS)[number];
const isIn = (region: Region, { first, second }: Point) =>
  region.some((row) => contains([row.first], first) && contains(row.second, second));
const isHit = ({ boxes }: Stroke, { first, second }: Point) =>
  boxes.some((box) => contains(box.first, first) && contains(box.second, second));

/** One point by the rules one after the other: what decided, and which Log rules saw it. */
function walked(strokes: readonly Stroke[], point: Point): { action?: 'Allow' | 'Deny'; logs: Stroke[] } {
  const logs: Stroke[] = [];
  let isPassed = false;
  for (const stroke of strokes) {
    if (stroke.action === 'EndOfTier') isPassed = false;
    else if (isPassed || !isHit(stroke, point)) continue;
    else if (stroke.action === 'Pass') isPassed = true;
    else if (stroke.action === 'Log') logs.push(stroke);
    else return { action: stroke.action, logs };
  }
  return { logs };
}

test('the first rule that matches a point decides it, Pass skips to the next tier, and a Log rule sees what got so far', (t) => {
  fc.assert(
    fc.property(anyStrokes, anyRest, (strokes, rest) => {
      const { allowed, logged } = firstMatch(strokes, rest, PLANE);
      const logs = strokes.filter(({ action }) => action === 'Log');
      for (const point of POINTS) {
        const expected = walked(strokes, point);
        t.is(isIn(allowed, point), (expected.action ?? rest) === 'Allow');
        for (const [index, log] of logs.entries()) t.is(isIn(logged[index]!, point), expected.logs.includes(log));
      }
    }),
  );
});

test('a region has one text, however it came about', (t) => {
  fc.assert(
    fc.property(anyStrokes, anyRest, (strokes, rest) => {
      const { allowed } = firstMatch(strokes, rest, PLANE);
      const pointByPoint = POINTS.filter((point) => isIn(allowed, point)).map(
        ({ first, second }): Stroke => ({ action: 'Allow', boxes: [{ first: [[first, first]], second: [[second, second]] }] }),
      );
      t.deepEqual(firstMatch(pointByPoint, 'Deny', PLANE).allowed, allowed);
      t.deepEqual(regionComplement(regionComplement(allowed, PLANE), PLANE), allowed);
      t.is(
        isWhole(allowed, PLANE),
        POINTS.every((point) => isIn(allowed, point)),
      );
    }),
  );
});

test('exceeds: some point of the one is not in the other', (t) => {
  fc.assert(
    fc.property(anyStrokes, anyStrokes, (one, other) => {
      const [left, right] = [firstMatch(one, 'Deny', PLANE).allowed, firstMatch(other, 'Deny', PLANE).allowed];
      t.is(
        exceeds(left, right),
        POINTS.some((point) => isIn(left, point) && !isIn(right, point)),
      );
    }),
  );
});
