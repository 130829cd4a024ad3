import test from 'ava';
import { frozen } from './frozen.ts';

test('a value is frozen however deep it is nested', (t) => {
  let nested: unknown[] = [];
  for (let depth = 0; depth < 100_000; depth++) nested = [nested];
  t.true(Object.isFrozen(frozen(nested)[0]));
});
