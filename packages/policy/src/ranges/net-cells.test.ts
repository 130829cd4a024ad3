import test from 'ava';
import fc from 'fast-check';
import { NetCells } from './net-cells.ts';

const anyRange = fc
  .tuple(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 20n }))
  .map(([a, b]) => (a < b ? { first: a, last: b } : { first: b, last: a }));
const anyRanges = fc.array(anyRange, { maxLength: 4 });
const WHOLE = { first: 0n, last: 30n };

test('each address is in the cell that has the criteria whose nets hold it, and in no other, also after changes', (t) => {
  fc.assert(
    fc.property(fc.array(anyRanges, { maxLength: 4 }), fc.array(fc.tuple(fc.nat(3), anyRange, anyRanges)), (spans, marks) => {
      const cells = new NetCells(new Map(spans.entries()));
      const expected = Array.from({ length: 22 }, (_, address) =>
        spans.flatMap((ranges, number) => (ranges.some((range) => isIn(range, BigInt(address))) ? [number] : [])),
      );
      for (const [criterion, range, ranges] of marks) {
        const held = ranges.filter(({ first, last }) => first <= range.last && last >= range.first);
        cells.mark(criterion, range, new NetCells(new Map([[0, held]])).within(WHOLE));
        for (const [address, numbers] of expected.entries()) {
          if (!isIn(range, BigInt(address))) continue;
          const others = numbers.filter((number) => number !== criterion);
          const isHeld = held.some((one) => isIn(one, BigInt(address)));
          expected[address] = (isHeld ? [...others, criterion] : others).sort((left, right) => left - right);
        }
      }
      const all = cells.within(WHOLE);
      for (const [address, numbers] of expected.entries()) {
        t.deepEqual(cells.at(BigInt(address))?.value.numbers ?? [], numbers);
        t.true(all.filter((cell) => isIn(cell, BigInt(address))).length <= 1);
      }
      for (const [index, cell] of all.entries()) {
        const next = all[index + 1];
        if (next?.first === cell.last + 1n) t.notDeepEqual(next.value, cell.value);
      }
    }),
  );
});

function isIn({ first, last }: { first: bigint; last: bigint }, address: bigint): boolean {
  return first <= address && address <= last;
}
