import test from 'ava';
import fc from 'fast-check';
import { formatAddress } from '../netlink/ip-address.ts';
import { MessageWriter } from '../netlink/message.ts';
import { writeElement } from './nftables-element.ts';
import { Intervals } from './nftables-intervals.ts';

/** Edges where a successor carries over, or there is none. */
const byte = fc.oneof(fc.constantFrom(0, 0xff), fc.nat(0xff));

test('intervals are written as elements are, and named as nft does', (t) => {
  const type = fc.constantFrom('ipv4_addr' as const, 'ipv6_addr' as const);
  const anyIntervals = type.chain((of) => {
    const width = of === 'ipv4_addr' ? 4 : 16;
    const address = fc.array(byte, { minLength: width, maxLength: width }).map((bytes) => Uint8Array.from(bytes));
    const interval = fc.tuple(address, address).map((edges) => edges.sort(Buffer.compare));
    return fc.record({ type: fc.constant(of), intervals: fc.array(interval, { minLength: 1, maxLength: 4 }) });
  });
  fc.assert(
    fc.property(anyIntervals, ({ type: of, intervals }) => {
      const written = new Intervals({ type: of, bytes: Buffer.concat(intervals.flat()) });
      t.is(written.length, intervals.length);
      for (const [index, [first, last]] of intervals.entries()) {
        const [ours, theirs] = [new MessageWriter(), new MessageWriter()];
        written.write(ours, index);
        const [key, to] = [first!, last!].map((value) => [{ type: of, value: formatAddress(value) }]);
        writeElement(theirs, { key: key!, to: to! });
        t.deepEqual(ours.bytes, theirs.bytes);
        t.is(written.describe(index).split('-')[0], formatAddress(first!));
      }
    }),
  );
});
