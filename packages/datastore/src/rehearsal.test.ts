import test from 'ava';
import fc from 'fast-check';
import { Rehearsal } from './rehearsal.ts';
import type { Entry, Operation, Store, Transaction, TransactionResult } from './store.ts';
import { temporaryStore } from './testing/temporary-store.ts';

const KEYS = ['/a', '/a/b', '/a/b/c', '/ab', '/😀', '/\uffee'] as const;

/** `stale` conditions do not hold; the others are on what is there. */
interface Step {
  changes: Partial<Record<(typeof KEYS)[number], string | null>>;
  conditions: { key: string; stale: boolean }[];
}

const change = fc.option(fc.constantFrom('1', '2'));
const step: fc.Arbitrary<Step> = fc.record({
  changes: fc.record(Object.fromEntries(KEYS.map((key) => [key, change])), { requiredKeys: [] }),
  conditions: fc.array(fc.record({ key: fc.constantFrom(...KEYS), stale: fc.integer({ min: 0, max: 4 }).map((number) => number === 0) }), {
    maxLength: 2,
  }),
});

async function transact(store: Store, { changes, conditions }: Step): Promise<TransactionResult> {
  const when = conditions.map(async ({ key, stale }) => {
    const revision = (await store.get(key))?.revision ?? 0;
    return { key, revision: stale ? revision + 1 : revision };
  });
  const then = Object.entries(changes).map(([key, value]): Operation => (value === null ? { delete: key } : { put: key, value: value! }));
  return store.transact({ when: await Promise.all(when), then } satisfies Transaction);
}

const values = (entries: readonly (Entry | undefined)[]) => entries.map((entry) => entry && [entry.key, entry.value]);

async function stateOf(store: Store) {
  const lists = await Promise.all(['', '/a', '/a/', '/b'].map((prefix) => store.list(prefix)));
  const keys = await store.list('/', { keysOnly: true });
  const single = await Promise.all(KEYS.map((key) => store.get(key)));
  return { lists: lists.map(({ entries }) => values(entries)), keys: values(keys.entries), single: values(single) };
}

test('what is tried is read back as if it had been written, and the store below stays as it was', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 3 }), fc.array(step, { minLength: 1, maxLength: 5 }), async (present, tried) => {
      const ends: (() => Promise<void>)[] = [];
      try {
        const scope = { teardown: (end: () => Promise<void>) => void ends.push(end) };
        const [{ store: below }, { store: written }] = [await temporaryStore(scope), await temporaryStore(scope)];
        for (const one of present) for (const store of [below, written]) await transact(store, one);
        const before = await below.list('');
        const rehearsal = new Rehearsal(below);
        for (const one of tried) {
          const [said, done] = [await transact(rehearsal, one), await transact(written, one)];
          t.is(said.committed, done.committed);
          if (!said.committed && !done.committed) t.deepEqual(values(said.current), values(done.current));
          t.deepEqual(await stateOf(rehearsal), await stateOf(written));
        }
        t.deepEqual(await below.list(''), before);
      } finally {
        await Promise.all(ends.map((end) => end()));
      }
    }),
    { numRuns: 25 },
  );
});

test('a write here is another revision than any below, also while others write there', async (t) => {
  const { store: below } = await temporaryStore(t);
  const put = (value: string): Operation[] => [{ put: '/a', value }];
  await below.transact({ when: [], then: put('1') });
  const rehearsal = new Rehearsal(below);
  const read = (await rehearsal.get('/a'))!.revision;
  await below.transact({ when: [], then: put('2') });
  t.false((await rehearsal.transact({ when: [{ key: '/a', revision: read }], then: put('3') })).committed);
  const now = (await rehearsal.get('/a'))!;
  t.true((await rehearsal.transact({ when: [{ key: '/a', revision: now.revision }], then: put('3') })).committed);
  t.like(await rehearsal.get('/a'), { value: '3', created: now.created });
  t.deepEqual([...rehearsal.written.keys()], ['/a']);
  t.is((await below.get('/a'))!.value, '2');
});

test('leases and watches are refused, as is what a store refuses', async (t) => {
  const { store: below } = await temporaryStore(t);
  const rehearsal = new Rehearsal(below);
  await t.throwsAsync(rehearsal.lease(), { code: 'EINVAL' });
  t.throws(() => rehearsal.watch(), { code: 'EINVAL' });
  await t.throwsAsync(rehearsal.transact({ when: [], then: [{ put: '', value: '' }] }), { code: 'EINVAL' });
  await t.throwsAsync(rehearsal.transact({ when: [], then: [{ put: '/a', value: '', lease: '1' }] }), { code: 'EINVAL' });
});
