import test from 'ava';
import fc from 'fast-check';
import { RangeMap } from './range-map.ts';

const SPACE = 2000;
const equal = (left: string, right: string) => left === right;

const anyUpdate = fc.record({
  at: fc.nat(SPACE - 1),
  length: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: SPACE }) }),
  change: fc.constantFrom<((value: string | undefined) => string | undefined)[]>(
    () => 'a',
    () => 'b',
    () => undefined,
    (value) => (value === 'a' ? 'b' : value === 'b' ? undefined : 'a'),
  ),
});

test('has the values that a plain array has, in stretches that cannot be fewer', (t) => {
  let most = 0;
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<(string | undefined)[]>('a', 'b', undefined), { maxLength: SPACE, size: 'max' }),
      fc.array(anyUpdate),
      (given, updates) => {
        const plain = Array.from({ length: SPACE }, (_, address) => given[address]);
        const stretches = plain.flatMap((value, address) =>
          value === undefined ? [] : [{ first: BigInt(address), last: BigInt(address), value }],
        );
        const map = new RangeMap(equal, stretches);
        most = Math.max(most, map.size);
        for (const { at, length, change } of updates) {
          const end = Math.min(at + length, SPACE) - 1;
          const range = { first: BigInt(at), last: BigInt(end) };
          map.update(range, change);
          for (let address = at; address <= end; address += 1) plain[address] = change(plain[address]);
          const inside = [...map].filter(({ first, last }) => first <= range.last && last >= range.first);
          t.deepEqual(map.within(range), inside);
        }
        for (const [address, value] of plain.entries()) {
          if (map.at(BigInt(address))?.value !== value) throw new Error(`${address}: ${map.at(BigInt(address))?.value}, expected ${value}`);
        }
        const all = [...map];
        t.is(map.size, all.length);
        for (const [index, { first, last, value }] of all.entries()) {
          const next = all[index + 1];
          if (first > last || (next !== undefined && next.first <= last)) throw new Error(`out of order at ${first}`);
          if (next?.first === last + 1n && next.value === value) throw new Error(`${first} and ${next.first} could be one`);
        }
      },
    ),
    { numRuns: 100 },
  );
  t.log(`up to ${most} stretches`);
  t.true(most > 600);
});
