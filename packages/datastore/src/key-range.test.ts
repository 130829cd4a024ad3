import test from 'ava';
import fc from 'fast-check';
import { prefixEnd } from './key-range.ts';

test('the end of a prefix, at its edges', (t) => {
  t.is(prefixEnd('/a'), '/b');
  t.is(prefixEnd('/a/'), '/a0');
  t.is(prefixEnd(''), undefined);
  t.is(prefixEnd('\u{10ffff}'), undefined);
  t.is(prefixEnd('a\u{10ffff}'), 'b');
  t.is(prefixEnd('\ud7ff'), '\ue000');
});

test('by bytes, a key is in the range exactly if it begins with the prefix', (t) => {
  const text = fc.string({ unit: 'binary', maxLength: 5 });
  const property = fc.property(text, text, text, (prefix, rest, other) => {
    for (const key of [prefix + rest, other]) {
      const end = prefixEnd(prefix);
      const bytes = Buffer.from(key);
      const inRange = Buffer.compare(bytes, Buffer.from(prefix)) >= 0 && (end === undefined || Buffer.compare(bytes, Buffer.from(end)) < 0);
      if (inRange !== key.startsWith(prefix)) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2000 }));
});
