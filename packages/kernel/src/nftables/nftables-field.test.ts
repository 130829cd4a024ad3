import test from 'ava';
import { encodeField, encodeKey, parseTypes } from './nftables-field.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('fields have the sizes and the byte order of their types', (t) => {
  t.is(hex(encodeField({ type: 'ipv4_addr', value: '10.0.0.1' })), '0a000001');
  t.is(hex(encodeField({ type: 'ipv6_addr', value: 'fd00::1' })), 'fd000000000000000000000000000001');
  t.is(hex(encodeField({ type: 'inet_proto', value: 6 })), '06');
  t.is(hex(encodeField({ type: 'inet_service', value: 80 })), '0050');
  t.is(new Uint32Array(Uint8Array.from(encodeField({ type: 'integer', value: 70_000 })).buffer)[0], 70_000);
  t.is(hex(encodeField({ type: 'ifname', value: 'weir0' })), '77656972300000000000000000000000');
});

test('fields of a concatenation begin at registers of 32 bits', (t) => {
  t.is(
    hex(
      encodeKey([
        { type: 'inet_proto', value: 17 },
        { type: 'inet_service', value: 53 },
        { type: 'ipv4_addr', value: '10.0.0.1' },
      ]),
    ),
    '11000000' + '00350000' + '0a000001',
  );
});

test('what a type cannot hold is refused with its value', (t) => {
  t.throws(() => encodeField({ type: 'inet_service', value: 65536 }), { message: /^65536 is not of type inet_service/ });
  t.throws(() => encodeField({ type: 'inet_proto', value: -1 }), { instanceOf: TypeError });
  t.throws(() => encodeField({ type: 'inet_proto', value: 1.5 }), { instanceOf: TypeError });
  t.throws(() => encodeField({ type: 'ipv4_addr', value: 'fd00::1' }), { message: /"fd00::1" is not of type ipv4_addr/ });
  t.throws(() => encodeField({ type: 'ifname', value: 'a-name-of-16-byt' }), { message: /1 to 15 bytes/ });
  t.throws(() => encodeField({ type: 'ifname', value: '' }), { instanceOf: TypeError });
  t.throws(() => encodeKey([]), { message: /at least one field/ });
  t.throws(() => parseTypes('ipv4_addr . mark'), { message: /"mark" is not one of the types .*ipv4_addr,/ });
});
