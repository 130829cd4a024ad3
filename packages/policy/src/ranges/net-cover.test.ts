import { cidrContains } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { addressNumber } from './canonical-address.ts';
import { NetCover } from './net-cover.ts';

const anyNets = fc.array(
  fc.tuple(fc.nat(31), fc.integer({ min: 27, max: 32 })).map(([number, length]) => {
    const size = 2 ** (32 - length);
    return `10.0.0.${Math.floor(number / size) * size}/${length}`;
  }),
  { maxLength: 6 },
);

test('holds what any of its nets holds, and tells of each address that it gains or loses', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), anyNets), { maxLength: 12 }), (changes) => {
      const cover = new NetCover();
      let nets: string[] = [];
      const held = () => Array.from({ length: 32 }, (_, at) => nets.some((net) => cidrContains(net, `10.0.0.${at}`)));
      for (const [isMore, some] of changes) {
        const before = held();
        const gone = isMore ? [] : some.filter((net, index) => nets.includes(net) && some.indexOf(net) === index);
        const told = isMore ? cover.add(some) : cover.delete(gone);
        nets = isMore ? [...nets, ...some] : gone.reduce((rest, net) => rest.toSpliced(rest.indexOf(net), 1), nets);
        const after = held();
        for (const [at, isHeld] of after.entries()) {
          const number = addressNumber(`10.0.0.${at}`);
          t.is(cover.holds('IPv4', number), isHeld);
          if (isHeld !== before[at]) t.true(told.IPv4.some(({ first, last }) => first <= number && number <= last));
        }
        t.is(cover.isEmpty, nets.length === 0);
      }
    }),
  );
});
