import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { namespaceSpecSchema } from './namespace.ts';

test('a namespace is open unless it says otherwise, in one direction or both', (t) => {
  t.deepEqual(parseWith(namespaceSpecSchema, undefined), { defaultAction: 'Allow' });
  t.deepEqual(parseWith(namespaceSpecSchema, { defaultIngress: 'SameNamespace', labelsToApply: { pci: null } }), {
    defaultAction: 'Allow',
    defaultIngress: 'SameNamespace',
    labelsToApply: { pci: '' },
  });
});

test('what no default can be is refused', (t) => {
  const bad: [spec: object, message: RegExp][] = [
    [{ defaultEgress: 'Pass' }, /^defaultEgress: "Pass" is not allowed: expected Allow, Deny, SameNamespace/],
    [{ labelsToApply: { 'a b': 'c' } }, /^labelsToApply\["a b"\]: "a b" is no label name/],
    [{ labelsToApply: { a: true } }, /^labelsToApply\.a: true is no label value: .*write it in quotes/],
  ];
  for (const [spec, message] of bad) t.throws(() => parseWith(namespaceSpecSchema, spec), { message });
});
