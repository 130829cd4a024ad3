import test from 'ava';
import { formatSelector } from './format.ts';
import { compare } from './selector.ts';

test('a value with both kinds of quotes has no text', (t) => {
  t.throws(() => formatSelector(compare('a', '==', `'"`)), { instanceOf: RangeError });
});
