import test from 'ava';
import { parseSelector } from './parse.ts';
import { labelRestrictions } from './restrictions.ts';

test('what an index may rely on', (t) => {
  const cases: [string, object][] = [
    ['all()', {}],
    ['a == "x"', { a: { present: true, oneOf: ['x'] } }],
    ['!(a != "x")', { a: { present: true, oneOf: ['x'] } }],
    ['a != "x"', {}],
    ['!has(a)', { a: { absent: true } }],
    ['a in {"x", "y"} && a in {"y", "z"}', { a: { present: true, oneOf: ['y'] } }],
    ['a == "x" && has(b) && c starts with "d"', { a: { present: true, oneOf: ['x'] }, b: { present: true }, c: { present: true } }],
    ['a == "x" || a == "y"', { a: { present: true, oneOf: ['x', 'y'] } }],
    ['a == "x" || has(a)', { a: { present: true } }],
    ['a == "x" || b == "y"', {}],
    ['(a == "x" && has(b)) || (a == "y" && has(c))', { a: { present: true, oneOf: ['x', 'y'] } }],
    ['!(has(a) || has(b))', { a: { absent: true }, b: { absent: true } }],
    ['!(has(a) && has(b))', {}],
    ['has(a) || !has(a)', {}],
  ];
  for (const [text, expected] of cases) {
    const found = [...labelRestrictions(parseSelector(text))].map(([label, { oneOf, ...rest }]) => [
      label,
      { ...rest, ...(oneOf && { oneOf: [...oneOf].sort() }) },
    ]);
    t.deepEqual(Object.fromEntries(found), expected, text);
  }
});
