import test from 'ava';
import { type Column, GrowingTable, renderTable, terminalWidth } from './table.ts';

interface Row {
  name: string;
  note: string;
  count: number;
}

const COLUMNS: Column<Row>[] = [
  { header: 'NAME', value: ({ name }) => name },
  { header: 'NOTE', value: ({ note }) => note, shrinks: true },
  { header: 'COUNT', value: ({ count }) => String(count), align: 'right' },
];
const ROWS = [
  { name: 'first', note: 'short', count: 7 },
  { name: 'the-second', note: 'a note that is rather long', count: 12345 },
];

test('columns are as wide as their widest text, numbers stand to the right, no line ends in blanks', (t) => {
  t.is(
    renderTable(COLUMNS, ROWS, Number.POSITIVE_INFINITY),
    [
      'NAME         NOTE                         COUNT',
      'first        short                            7',
      'the-second   a note that is rather long   12345',
      '',
    ].join('\n'),
  );
});

test('what may shrink does, and tells that it did', (t) => {
  t.is(
    renderTable(COLUMNS, ROWS, 36),
    ['NAME         NOTE              COUNT', 'first        short                 7', 'the-second   a note that is…   12345', ''].join('\n'),
  );
});

test('nothing becomes unreadable in a terminal that is far too narrow', (t) => {
  const lines = renderTable(COLUMNS, ROWS, 10).split('\n');
  t.is(lines[2], 'the-second   a note …   12345');
});

test('the widest column gives way first, whichever it is', (t) => {
  const columns = COLUMNS.map((column) => ({ ...column, shrinks: true }));
  const row = { name: 'n'.repeat(30), note: 'a note', count: 1 };
  t.is(
    renderTable(columns, [row], 30).split('\n')[1],
    `${'n'.repeat(12)}…   a note       1`.replace('nnnnnnnnnnnn…', `${'n'.repeat(12)}…`),
  );
});

test('a growing table prints its header once and never narrows', (t) => {
  const table = new GrowingTable(COLUMNS, Number.POSITIVE_INFINITY);
  t.is(table.add([ROWS[0]!]), 'NAME    NOTE    COUNT\nfirst   short       7\n');
  t.is(table.add([ROWS[1]!]), 'the-second   a note that is rather long   12345\n');
  t.is(table.add([ROWS[0]!]), 'first        short                            7\n');
});

test('the width is the terminal, else COLUMNS, else without limit', (t) => {
  t.is(terminalWidth({ columns: 132 }, { COLUMNS: '80' }), 132);
  t.is(terminalWidth({}, { COLUMNS: '80' }), 80);
  t.is(terminalWidth({}, {}), Number.POSITIVE_INFINITY);
  t.is(terminalWidth({ columns: 0 }, { COLUMNS: 'wide' }), Number.POSITIVE_INFINITY);
});
