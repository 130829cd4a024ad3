import test from 'ava';
import fc from 'fast-check';
import { ValidationError } from '../validation/validation-error.ts';
import {
  addressFromNumber,
  addressToNumber,
  cidrContains,
  cidrRange,
  cidrsOverlap,
  parseAddress,
  parseCidr,
  parseCidrClearingHostBits,
} from './address.ts';

test('addresses come out in the text of RFC 5952', (t) => {
  const canonical = [
    ['10.1.2.3', '10.1.2.3'],
    ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // §4.2.2: a single zero field is not shortened
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // §4.2.3: the first of two runs of equal length
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], // §4.2.3: the longer run
    ['::', '::'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ] as const;
  for (const [text, expected] of canonical) t.is(parseAddress(text), expected as string as ReturnType<typeof parseAddress>);
});

test('what is no plain address is refused, with the reason', (t) => {
  const refused: [unknown, RegExp][] = [
    ['010.1.1.1', /is no IP address/],
    ['10.1.1', /is no IP address/],
    ['10.1.1.256', /is no IP address/],
    ['fe80::1%eth0', /has a zone/],
    ['10.0.0.1/32', /has a prefix length/],
    ['::ffff:10.0.0.1', /mapped into IPv6: write "10\.0\.0\.1"/],
    ['::ffff:a00:1', /mapped into IPv6: write "10\.0\.0\.1"/],
    [167772161, /^167772161 is no IP address/],
    [undefined, /^is missing/],
  ];
  for (const [value, message] of refused) t.throws(() => parseAddress(value), { instanceOf: ValidationError, code: 'EINVALID', message });
});

test('host bits are refused with the CIDR that was probably meant', (t) => {
  t.throws(() => parseCidr('10.1.2.3/16'), { message: /write "10\.1\.0\.0\/16" for the block, or "10\.1\.2\.3\/32" for the address/ });
  t.throws(() => parseCidr('fd00::1/64'), { message: /write "fd00::\/64" for the block, or "fd00::1\/128"/ });
  t.is<string, string>(parseCidrClearingHostBits('10.1.2.3/16'), '10.1.0.0/16');
});

test('CIDRs: canonical text, plain addresses as blocks of one, wrong lengths refused', (t) => {
  t.is<string, string>(parseCidr('FD00:0::/8'), parseCidr('fd00::/8'.replace('fd00', 'FD00')));
  t.is<string, string>(parseCidr('10.0.0.1'), '10.0.0.1/32');
  t.is<string, string>(parseCidr('fd00::1'), 'fd00::1/128');
  t.is<string, string>(parseCidr('0.0.0.0/0'), '0.0.0.0/0');
  for (const text of [
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '/8',
    '',
    '::ffff:10.0.0.0/104',
    '10.0.0.0/255.0.0.0',
  ]) {
    t.throws(() => parseCidr(text), { instanceOf: ValidationError }, text);
  }
});

const family = fc.constantFrom('IPv4' as const, 'IPv6' as const);
const address = family.chain((name) =>
  fc.bigInt(0n, (1n << (name === 'IPv4' ? 32n : 128n)) - 1n).map((number) => ({ family: name, number })),
);

test('numbers and canonical text are two forms of the same', (t) => {
  fc.assert(
    fc.property(address, ({ family, number }) => {
      const text = addressFromNumber(number, family);
      fc.pre(!/^::ffff:[0-9a-f]+:[0-9a-f]+$/.test(text));
      return addressToNumber(text) === number && parseAddress(text) === text;
    }),
  );
  t.throws(() => addressFromNumber(1n << 32n, 'IPv4'), { instanceOf: RangeError });
  t.pass();
});

test('a block holds exactly its range', (t) => {
  t.deepEqual(cidrRange('10.0.0.64/26'), { family: 'IPv4', prefixLength: 26, first: 0x0a000040n, last: 0x0a00007fn });
  t.true(cidrContains('10.0.0.64/26', '10.0.0.127'));
  t.false(cidrContains('10.0.0.64/26', '10.0.0.128'));
  t.true(cidrContains('10.0.0.0/8', '10.0.0.64/26'));
  t.false(cidrContains('10.0.0.64/26', '10.0.0.0/8'));
  t.false(cidrContains('::/0', '10.0.0.1'));
  t.true(cidrsOverlap('10.0.0.64/26', '10.0.0.0/8'));
  t.false(cidrsOverlap('10.0.0.0/26', '10.0.0.64/26'));
});
