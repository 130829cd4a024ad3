import { type Labels, namespaceLabels } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { EVERYWHERE, namespaceScope, namespacesScope, type Scope, scopeTakes } from './scope.ts';
import { ScopeIndex } from './scope-index.ts';

const SCOPES = [
  EVERYWHERE,
  namespaceScope('red'),
  ...[
    'all()',
    'team == "1"',
    'team in {"1", "2"} && stage == "test"',
    '!has(team)',
    'has(stage)',
    'global()',
    'global() || team == "2"',
  ].map(namespacesScope),
];
const anyLabels: fc.Arbitrary<Labels> = fc.record(
  { team: fc.constantFrom('1', '2', '3'), stage: fc.constantFrom('test', 'live') },
  { requiredKeys: [] },
);

test('what a change of labels brings in and takes out is what each scope says by itself', (t) => {
  const anyEntries = fc.array(fc.record({ scope: fc.constantFrom<Scope>(...SCOPES), isRemoved: fc.boolean() }));
  fc.assert(
    fc.property(anyEntries, anyLabels, anyLabels, (entries, before, after) => {
      const index = new ScopeIndex<(typeof entries)[number]>();
      for (const entry of entries) index.add(entry);
      for (const entry of entries) if (entry.isRemoved) index.delete(entry);
      const takes = ({ scope }: { scope: Scope }, labels: Labels) =>
        scopeTakes(scope, 'red', () => namespaceLabels('red', { metadata: { labels } }));
      const kept = new Set(entries.filter(({ isRemoved }) => !isRemoved));
      const { gone, come } = index.changed(before, after);
      const isSame = (found: readonly object[], expected: (entry: (typeof entries)[number]) => boolean) => {
        const all = new Set(found);
        return all.size === found.length && all.symmetricDifference(new Set([...kept].filter(expected))).size === 0;
      };
      t.true(isSame(gone, (entry) => takes(entry, before) && !takes(entry, after)));
      t.true(isSame(come, (entry) => !takes(entry, before) && takes(entry, after)));
    }),
  );
});
