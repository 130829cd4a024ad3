import test from 'ava';
import { matches } from './evaluate.ts';
import { parseSelector } from './parse.ts';

test('an absent label satisfies != and not in, and nothing else', (t) => {
  const holds = (text: string) => matches(parseSelector(text), {});
  t.deepEqual(['a != "x"', 'a not in {"x"}', '!has(a)', 'a not in {}'].map(holds), [true, true, true, true]);
  t.deepEqual(
    ['a == "x"', 'a == ""', 'a in {"x"}', 'has(a)', 'a contains ""', 'a starts with ""', 'a ends with ""'].map(holds),
    Array(7).fill(false),
  );
});

test('a label with the empty string is there', (t) => {
  for (const text of ['has(a)', 'a == ""', 'a in {""}', 'a contains ""']) t.true(matches(parseSelector(text), { a: '' }), text);
});

test('names that every JavaScript object inherits are no labels', (t) => {
  for (const text of ['has(constructor)', 'toString contains ""', 'has(__proto__)']) t.false(matches(parseSelector(text), {}), text);
  t.true(matches(parseSelector('constructor != "x"'), {}));
  t.true(matches(parseSelector('constructor == "x"'), { constructor: 'x' } as unknown as Record<string, string>));
});

test('global() holds', (t) => {
  t.true(matches(parseSelector('global()'), {}));
});
