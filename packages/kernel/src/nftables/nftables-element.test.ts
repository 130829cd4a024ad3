import test from 'ava';
import fc from 'fast-check';
import { MessageWriter } from '../netlink/message.ts';
import { describeElement, type Element, successor, writeElement } from './nftables-element.ts';

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex');

test('the successor is the next number, and all ones have none', (t) => {
  t.is(hex(successor(Uint8Array.of(10, 0, 0, 255))), '0a000100');
  t.is(successor(Uint8Array.of(255, 255, 255, 255)), undefined);
  fc.assert(
    fc.property(fc.nat({ max: 0xfffffffe }), (number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(number);
      t.is(Buffer.from(successor(bytes)!).readUInt32BE(), number + 1);
    }),
  );
});

test('an interval that ends before it starts, or with other fields, is refused', (t) => {
  const write = (element: Element) => () => writeElement(new MessageWriter(), element);
  t.throws(write({ key: [{ type: 'ipv4_addr', value: '10.0.0.2' }], to: [{ type: 'ipv4_addr', value: '10.0.0.1' }] }), {
    message: /10\.0\.0\.2-10\.0\.0\.1/,
  });
  t.throws(
    write({
      key: [
        { type: 'inet_proto', value: 6 },
        { type: 'inet_service', value: 80 },
      ],
      to: [
        { type: 'inet_proto', value: 7 },
        { type: 'inet_service', value: 79 },
      ],
    }),
    { instanceOf: TypeError },
    'the second field goes backwards',
  );
  t.throws(write({ key: [{ type: 'ipv4_addr', value: '10.0.0.2' }], to: [] }), { message: /as many fields/ });
});

test('elements are written as nft writes them', (t) => {
  t.is(
    describeElement({
      key: [{ type: 'ipv4_addr', value: '10.0.0.0' }],
      to: [{ type: 'ipv4_addr', value: '10.0.0.255' }],
      verdict: { kind: 'goto', chain: 'web' },
    }),
    '10.0.0.0-10.0.0.255 : goto web',
  );
  t.is(
    describeElement({
      key: [
        { type: 'ifname', value: 'weir0' },
        { type: 'ipv6_addr', value: 'FD00:0::1' },
        { type: 'inet_service', value: 80 },
      ],
      verdict: { kind: 'drop' },
    }),
    '"weir0" . fd00::1 . 80 : drop',
  );
});
