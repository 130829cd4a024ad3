import test from 'ava';
import fc from 'fast-check';
import { contains, type Range, union } from './range.ts';
import {
  type Box,
  EMPTY,
  exceeds,
  firstMatch,
  isWhole,
  MOST_RANGES,
  type Plane,
  PORT_PLANE,
  type Region,
  regionComplement,
  type Stroke,
} from './region.ts';

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

test('what many rows have in common is there once, in what is left of the plane too', (t) => {
  const odd = (count: number) => Array.from({ length: count }, (_, index): Range => [2 * index + 1, 2 * index + 1]);
  const { allowed } = firstMatch([{ action: 'Allow', boxes: [{ first: odd(5000), second: odd(5000) }] }], 'Deny', PORT_PLANE);
  t.is(allowed.length, 5000);
  t.is(new Set(allowed.map(({ second }) => second)).size, 1);
  t.is(new Set(regionComplement(allowed, PORT_PLANE).map(({ second }) => second)).size, 5002, 'what is between the rows, and they');
});

// A policy of 500 kB took all memory of each agent that knew of it.
test('rules that tell too much apart allow nothing', (t) => {
  const steps = (count: number) =>
    Array.from({ length: count }, (_, index): Stroke => {
      const from = 10 * index;
      return { action: 'Allow', boxes: [{ first: [[from, from + 30_000]], second: [[2 * index, 2 * index]] }] };
    });
  const few = firstMatch(steps(100), 'Allow', PORT_PLANE).allowed;
  t.is(few.length, 1);
  const told = firstMatch(steps(200), 'Deny', PORT_PLANE).allowed.reduce((sum, { second }) => sum + second.length, 0);
  t.true(told > 200 && told <= MOST_RANGES);
  t.deepEqual(firstMatch(steps(1000), 'Deny', PORT_PLANE), { allowed: EMPTY, logged: [] });
});
