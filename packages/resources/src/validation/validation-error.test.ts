import test from 'ava';
import { formatPath, ValidationError } from './validation-error.ts';

test('a single issue is one line: file, document, object, path, message', (t) => {
  const issue = {
    path: 'spec.cidr',
    value: 'x',
    message: '"x" is no CIDR',
    line: 4,
    object: 'Pool "p"',
    origin: { file: 'pools.yaml', document: 2 },
  };
  t.is(new ValidationError([issue]).message, 'pools.yaml, document 2, Pool "p": line 4: spec.cidr: "x" is no CIDR');
});

test('several issues stand under the document that they belong to', (t) => {
  const origin = { file: 'a.yaml', document: 1 };
  const error = ValidationError.join([
    new ValidationError([
      { path: 'kind', value: 1, message: 'one', origin },
      { path: '', value: 1, message: 'two\nlines', origin },
    ]),
    new ValidationError([{ path: 'spec', value: 1, message: 'three', origin: { file: 'b.yaml', document: 1, item: 0 } }]),
  ]);
  t.is(error.message, 'a.yaml, document 1:\n  kind: one\n  two\n  lines\nb.yaml, document 1, items[0]: spec: three');
  t.is(error.issues.length, 3);
  t.is(error.code, 'EINVALID');
});

test('paths are dotted, with indices and odd names in brackets', (t) => {
  t.is(formatPath(['spec', 'ingress', 0, 'source', 'ports', 1]), 'spec.ingress[0].source.ports[1]');
  t.is(formatPath(['metadata', 'labels', 'a.b/c']), 'metadata.labels["a.b/c"]');
});

test('of an object that is wrong in thousands of places the first are told, and how many more', (t) => {
  const issues = Array.from({ length: 100_000 }, (_, index) => ({
    path: `spec.nets[${index}]`,
    value: 'x',
    message: '"x" is no CIDR',
    object: 'NetworkSet "big"',
  }));
  const { message } = new ValidationError([...issues, { path: '', value: 1, message: 'is wrong', object: 'Tier "other"' }]);
  const lines = message.split('\n');
  t.is(lines.length, 53);
  t.is(lines[0], 'NetworkSet "big":');
  t.is(lines[50], '  spec.nets[49]: "x" is no CIDR');
  t.is(lines[51], '  … and 99950 more');
  t.is(lines[52], 'Tier "other": is wrong');
});
