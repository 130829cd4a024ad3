import test from 'ava';
import fc from 'fast-check';
import { cleanLabelText } from './label-text.ts';

test("Calico's rule", (t) => {
  const cases = {
    run: 'run',
    'com.example/tier': 'com.example.tier',
    HAPROXY_0_VHOST: 'HAPROXY_0_VHOST',
    'two words': 'two-words',
    'a $%& b': 'a-b',
    'k8s//app': 'k8s.app',
    'a.-.b': 'a.b',
    'a--b': 'a--b',
    '/leading/and/trailing/': 'leading.and.trailing',
    '-.x.-': 'x',
    hé世: 'h',
    '': '',
    '///': '',
  };
  for (const [text, clean] of Object.entries(cases)) t.is(cleanLabelText(text), clean, text);
});

test('any text becomes a legal one, and a clean one stays', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const clean = cleanLabelText(text);
      t.regex(clean, /^([A-Za-z0-9_]([-._A-Za-z0-9]*[A-Za-z0-9_])?)?$/);
      t.is(cleanLabelText(clean), clean);
    }),
    { numRuns: 500 },
  );
});

test('a long run of dashes takes no time to speak of', (t) => {
  const text = `${'-'.repeat(200_000)}x${'-'.repeat(200_000)}`;
  // An expression that looks for the end of the run from each of its characters takes minutes: the test would be ended.
  t.is(cleanLabelText(text), 'x');
});
