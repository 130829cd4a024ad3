import test from 'ava';
import fc from 'fast-check';
import { DeltaTracker } from './delta-tracker.ts';

test('what is desired and not there is to be set, what is there and not desired is to be deleted', (t) => {
  const tracker = new DeltaTracker<string, number>();
  tracker.setActual([
    ['kept', 1],
    ['changed', 1],
    ['gone', 1],
  ]);
  tracker.desire('kept', 1);
  tracker.desire('changed', 2);
  tracker.desire('new', 3);
  t.deepEqual(tracker.pending(), {
    set: new Map([
      ['changed', 2],
      ['new', 3],
    ]),
    delete: new Set(['gone']),
  });
  t.false(tracker.inStep);
  tracker.applied(tracker.pending());
  t.true(tracker.inStep);
  t.deepEqual(new Map(tracker.actual), new Map(tracker.desired));
});

test('a value desired while another was being applied stays pending', (t) => {
  const tracker = new DeltaTracker<string, number>();
  tracker.desire('key', 1);
  tracker.desire('other', 1);
  const pending = tracker.pending();
  tracker.desire('key', 2);
  tracker.undesire('other');
  tracker.applied(pending);
  t.deepEqual(tracker.pending(), { set: new Map([['key', 2]]), delete: new Set(['other']) });
});

test('a key that comes back before it was deleted needs nothing', (t) => {
  const tracker = new DeltaTracker<string, number>();
  tracker.setActual([['key', 1]]);
  t.deepEqual(tracker.pending().delete, new Set(['key']));
  tracker.desire('key', 1);
  t.true(tracker.inStep);
});

test('values that mean the same are equal', (t) => {
  const tracker = new DeltaTracker<string, { via: string }>({ equal: (a, b) => a.via === b.via });
  tracker.setActual([['route', { via: '10.0.0.1' }]]);
  tracker.desire('route', { via: '10.0.0.1' });
  t.true(tracker.inStep);
  tracker.observe('route', { via: '10.0.0.9' });
  t.deepEqual(tracker.pending().set, new Map([['route', { via: '10.0.0.1' }]]));
  tracker.observe('route', undefined);
  t.is(tracker.pending().set.size, 1);
});

/** Order within a set or a map means nothing. */
const sorted = <T>(entries: Iterable<T>): T[] => [...entries].sort();

type Step =
  | ['desire', string, number]
  | ['undesire', string]
  | ['observe', string, number | undefined]
  | ['setActual' | 'setDesired', [string, number][]]
  | ['apply', number];

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const value = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant('desire' as const), key, value),
  fc.tuple(fc.constant('undesire' as const), key),
  fc.tuple(fc.constant('observe' as const), key, fc.option(value, { nil: undefined })),
  fc.tuple(fc.constantFrom('setActual' as const, 'setDesired' as const), fc.array(fc.tuple(key, value), { maxLength: 5 })),
  fc.tuple(fc.constant('apply' as const), value),
);

function take(tracker: DeltaTracker<string, number>, [kind, ...rest]: Step): void {
  if (kind === 'apply') {
    // Only some of it is done, as when the kernel refuses the rest.
    const pending = tracker.pending();
    const some = rest[0] as number;
    tracker.applied({ set: [...pending.set].slice(some), delete: [...pending.delete].slice(some) });
  } else (tracker[kind] as (...args: unknown[]) => void)(...rest);
}

test('after any steps in any order, pending is the difference, and applying it makes actual what is desired', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tracker = new DeltaTracker<string, number>();
      for (const each of steps) {
        take(tracker, each);
        const { set, delete: remove } = tracker.pending();
        t.deepEqual(sorted(set), sorted([...tracker.desired].filter(([name, wanted]) => tracker.actual.get(name) !== wanted)));
        t.deepEqual(sorted(remove), sorted([...tracker.actual.keys()].filter((name) => !tracker.desired.has(name))));
      }
      tracker.applied(tracker.pending());
      t.deepEqual(sorted(tracker.actual), sorted(tracker.desired));
      t.true(tracker.inStep);
    }),
  );
});

test('what is desired in the end does not depend on the order of changes to different keys', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), fc.array(fc.tuple(key, value)), (desired, actual) => {
      const run = (order: [string, number][]): unknown => {
        const tracker = new DeltaTracker<string, number>();
        for (const [name, wanted] of order) tracker.desire(name, wanted);
        tracker.setActual(actual);
        const { set, delete: remove } = tracker.pending();
        return [sorted(set), sorted(remove)];
      };
      t.deepEqual(run(desired), run(desired.toReversed()));
    }),
  );
});

test('a change among many costs no more than among few', (t) => {
  const tracker = new DeltaTracker<number, number>();
  let comparisons = 0;
  const counted = new DeltaTracker<number, number>({
    equal: (a, b) => {
      comparisons += 1;
      return a === b;
    },
  });
  for (let number = 0; number < 10_000; number += 1) {
    counted.desire(number, 1);
    tracker.desire(number, 1);
  }
  counted.setActual(tracker.desired);
  comparisons = 0;
  counted.desire(77, 2);
  t.deepEqual(counted.pending(), { set: new Map([[77, 2]]), delete: new Set() });
  t.is(comparisons, 1);
});
