import test from 'ava';
import fc from 'fast-check';
import { netCells, rangeAt } from './net-cells.ts';

const anyRange = fc
  .tuple(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 20n }))
  .map(([a, b]) => (a < b ? { first: a, last: b } : { first: b, last: a }));

test('each address is in the cell that has the criteria whose nets hold it, and in no other', (t) => {
  fc.assert(
    fc.property(fc.array(fc.array(anyRange, { maxLength: 4 }), { maxLength: 4 }), (spans) => {
      const cells = netCells(new Map(spans.entries()));
      for (let address = 0n; address <= 21n; address += 1n) {
        const expected = spans.flatMap((ranges, number) =>
          ranges.some(({ first, last }) => first <= address && address <= last) ? [number] : [],
        );
        t.deepEqual(rangeAt(cells, address)?.criteria ?? [], expected);
        t.true(cells.filter(({ first, last }) => first <= address && address <= last).length <= 1);
      }
      for (const [index, cell] of cells.entries()) {
        const next = cells[index + 1];
        if (next?.first === cell.last + 1n) t.notDeepEqual(next.criteria, cell.criteria);
      }
    }),
  );
});
