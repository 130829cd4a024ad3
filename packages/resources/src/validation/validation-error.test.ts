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
