import test from 'ava';
import { describe } from '../describe/describe.ts';
import { errorText } from '../error-text.ts';
import { printable } from './printable.ts';
import { renderTable } from './table.ts';

test('what would do something to a terminal is shown instead', (t) => {
  t.is(printable('\u001b]0;owned\u0007 \u009b2J\u007f a\tb ä 東'), '\\x1b]0;owned\\x07 \\x9b2J\\x7f a\tb ä 東');
});

test('a cell of a table is one line, whatever it holds, and as wide as it is printed', (t) => {
  const columns = [
    { header: 'A', value: ([text]: string[]) => text! },
    { header: 'B', value: ([, text]: string[]) => text! },
  ];
  t.is(renderTable(columns, [['x\u001b[2J', 'y\nz']], 80), 'A          B\nx\\x1b[2J   y\\x0az\n');
});

test('in the description of an object, lines stay lines', (t) => {
  const annotations = { note: 'one\ntwo\u001b[1A' };
  const text = describe(
    {
      apiVersion: 'weir/v1',
      kind: 'NetworkSet',
      metadata: { name: 'a', namespace: 'shop', labels: {}, annotations },
      spec: { nets: ['10.0.0.0/8'] },
    },
    { endpoints: [], policies: [], namespaces: [] },
  );
  t.true(text.includes('Annotations:   note=one\n               two\\x1b[1A\n'), text);
});

test('of an error too', (t) => {
  t.is(errorText(new Error('bad \u001b[31mname\nline: \u009b2J'), { stack: false }), 'error: bad \\x1b[31mname\n  line: \\x9b2J\n');
});
