import test from 'ava';
import fc from 'fast-check';
import type { Labels } from '../metadata.ts';
import { matches } from './evaluate.ts';
import { formatSelector } from './format.ts';
import { parseSelector } from './parse.ts';
import { labelRestrictions } from './restrictions.ts';
import { all, among, compare, global, has, join, not, type Selector } from './selector.ts';

const LABELS = ['a', 'b', 'in', 'constructor', 'x.y/z-1'];
const VALUES = ['', 'v', 'vw', 'wv', 'w'];

const label = fc.constantFrom(...LABELS);
const value = fc.oneof(fc.constantFrom(...VALUES), fc.constantFrom(`'`, '"', 'a && b', ')', '\t'));
const labels: fc.Arbitrary<Labels> = fc.dictionary(label, fc.constantFrom(...VALUES), { noNullPrototype: true });

const { selector } = fc.letrec<{ selector: Selector; leaf: Selector }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(all(), global()),
    label.map(has),
    fc
      .tuple(label, fc.constantFrom('==' as const, '!=' as const, 'contains' as const, 'starts with' as const, 'ends with' as const), value)
      .map(([key, kind, literal]) => compare(key, kind, literal)),
    fc
      .tuple(label, fc.constantFrom('in' as const, 'not in' as const), fc.array(value, { maxLength: 3 }))
      .map(([key, kind, literals]) => among(key, kind, literals)),
  ),
  selector: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    tie('selector').map(not),
    fc
      .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('selector'), { minLength: 1, maxLength: 3 }))
      .map(([kind, operands]) => join(kind, operands)),
  ),
}));

/** The language's rules one by one, over a Map, as slow and plain as can be. */
function naive(node: Selector, set: ReadonlyMap<string, string>): boolean {
  const found = 'label' in node ? set.get(node.label) : undefined;
  switch (node.kind) {
    case 'all':
    case 'global':
      return true;
    case 'has':
      return found !== undefined;
    case '==':
      return found !== undefined && found === node.value;
    case '!=':
      return found === undefined || found !== node.value;
    case 'contains':
      return found !== undefined && found.split(node.value).length > (node.value === '' ? -1 : 1);
    case 'starts with':
      return found !== undefined && found.slice(0, node.value.length) === node.value;
    case 'ends with':
      return found !== undefined && found.length >= node.value.length && found.slice(found.length - node.value.length) === node.value;
    case 'in':
      return found !== undefined && node.values.indexOf(found) >= 0;
    case 'not in':
      return found === undefined || node.values.indexOf(found) < 0;
    case 'not':
      return naive(node.operand, set) === false;
    case 'and':
      return node.operands.filter((operand) => !naive(operand, set)).length === 0;
    case 'or':
      return node.operands.filter((operand) => naive(operand, set)).length > 0;
  }
}

test('the canonical text reads as the same tree', (t) => {
  fc.assert(
    fc.property(selector, (tree) => {
      t.deepEqual(parseSelector(formatSelector(tree)), tree);
    }),
    { numRuns: 1000 },
  );
});

test('evaluation is that of the rules', (t) => {
  fc.assert(
    fc.property(selector, labels, (tree, set) => matches(tree, set) === naive(tree, new Map(Object.entries(set)))),
    { numRuns: 5000 },
  );
  t.pass();
});

test('restrictions never hide a match', (t) => {
  fc.assert(
    fc.property(selector, labels, (tree, set) => {
      fc.pre(matches(tree, set));
      for (const [key, { present, absent, oneOf }] of labelRestrictions(tree)) {
        const found = Object.hasOwn(set, key) ? set[key] : undefined;
        if (present && found === undefined) return false;
        if (absent && found !== undefined) return false;
        if (oneOf && (found === undefined || !oneOf.has(found))) return false;
      }
      return true;
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test('of conjunctions of presence and equality, restrictions say all there is to say', (t) => {
  const term = fc.oneof(
    label.map(has),
    label.map((key) => not(has(key))),
    fc.tuple(label, value).map(([key, literal]) => compare(key, '==', literal)),
    fc.tuple(label, fc.array(value, { maxLength: 3 })).map(([key, literals]) => among(key, 'in', literals)),
  );
  fc.assert(
    fc.property(fc.array(term, { minLength: 1, maxLength: 4 }), labels, (terms, set) => {
      const tree = join('and', terms);
      const kept = [...labelRestrictions(tree)].every(([key, { present, absent, oneOf }]) => {
        const found = Object.hasOwn(set, key) ? set[key] : undefined;
        return !(present && found === undefined) && !(absent && found !== undefined) && !(oneOf && !oneOf.has(found ?? '\0'));
      });
      return kept === matches(tree, set);
    }),
    { numRuns: 3000 },
  );
  t.pass();
});

test('trees are frozen, so that a compiled one stays true', (t) => {
  const tree = parseSelector('a in {"x"} && !has(b)');
  t.throws(() => Object.assign(tree, { kind: 'or' }), { instanceOf: TypeError });
});
