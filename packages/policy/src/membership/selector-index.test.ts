import { type Labels, matches, parseSelector } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { EVERYWHERE, namespaceScope } from './scope.ts';
import { SelectorIndex } from './selector-index.ts';

const SELECTORS = [
  'all()',
  'a == "1"',
  'a in {"1", "2"} && b == "2"',
  'has(b)',
  '!has(a)',
  'a == "1" || b == "1"',
  'a == "1" && a == "2"',
  'b != "1"',
];
const anyEntry = fc
  .record({ text: fc.constantFrom(...SELECTORS), namespace: fc.constantFrom('red', 'blue', undefined) })
  .map(({ text, namespace }) => ({
    selector: parseSelector(text),
    scope: namespace === undefined ? EVERYWHERE : namespaceScope(namespace),
  }));
const anyLabels: fc.Arbitrary<Labels> = fc.record(
  { a: fc.constantFrom('1', '2', '3'), b: fc.constantFrom('1', '2') },
  { requiredKeys: [] },
);

test('the candidates hold every selector that matches, once, and none that was taken out', (t) => {
  fc.assert(
    fc.property(fc.array(anyEntry), fc.array(fc.boolean()), anyLabels, (entries, removed, labels) => {
      const index = new SelectorIndex<(typeof entries)[number]>();
      for (const entry of entries) index.add(entry);
      for (const [number, entry] of entries.entries()) if (removed[number]) index.delete(entry);
      const kept = entries.filter((_, number) => !removed[number]);
      const found = [...index.candidates('red', labels)];
      t.is(new Set(found).size, found.length);
      t.true(found.every((entry) => kept.includes(entry)));
      for (const entry of kept) {
        const isTaken = matches(entry.selector, labels) && (entry.scope.kind !== 'namespace' || entry.scope.namespace === 'red');
        if (isTaken) t.true(found.includes(entry));
      }
    }),
  );
});

test('what cannot match is not tried', (t) => {
  const index = new SelectorIndex<{ selector: ReturnType<typeof parseSelector>; scope: typeof EVERYWHERE }>();
  for (let number = 0; number < 1000; number += 1) index.add({ selector: parseSelector(`app == "app${number}"`), scope: EVERYWHERE });
  t.is([...index.candidates('red', { app: 'app7' })].length, 1);
});
