import test from 'ava';
import fc from 'fast-check';
import { NetCells, type Span } from './net-cells.ts';
import type { AddressRange } from './net-ranges.ts';

const anyRange = fc
  .tuple(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 20n }))
  .map(([a, b]) => (a < b ? { first: a, last: b } : { first: b, last: a }));
const anyRanges = fc.array(anyRange, { maxLength: 4 });
const WHOLE = { first: 0n, last: 30n };

test('each address is in the cell that has the criteria whose nets hold it, and in no other, also after changes', (t) => {
  fc.assert(
    fc.property(fc.array(anyRanges, { maxLength: 4 }), fc.array(fc.tuple(fc.nat(3), anyRange, anyRanges)), (spans, marks) => {
      const cells = new NetCells(spans.map((ranges, criterion) => span(criterion, ranges)));
      const expected = Array.from({ length: 22 }, (_, address) =>
        spans.flatMap((ranges, number) => (ranges.some((range) => isIn(range, BigInt(address))) ? [number] : [])),
      );
      for (const [criterion, range, ranges] of marks) {
        const held = ranges.filter(({ first, last }) => first <= range.last && last >= range.first);
        cells.mark(criterion, range, new NetCells([span(0, held)]).within(WHOLE));
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

function span(criterion: number, ranges: readonly AddressRange[]): Span {
  const rising: AddressRange[] = [];
  for (const { first, last } of ranges.toSorted((left, right) => Number(left.first - right.first))) {
    const before = rising.at(-1);
    if (before === undefined || before.last < first) rising.push({ first, last });
    else if (before.last < last) rising.push({ first: before.last + 1n, last });
  }
  return { criterion, ranges: rising, size: rising.length };
}

function isIn({ first, last }: { first: bigint; last: bigint }, address: bigint): boolean {
  return first <= address && address <= last;
}
