import test from 'ava';
import fc from 'fast-check';
import { formatAddress, formatMac, formatPrefix, parseAddress, parseMac, parsePrefix } from './ip-address.ts';

test('addresses are written in canonical text (RFC 5952)', (t) => {
  const canonical = (text: string): string => formatAddress(parseAddress(text));
  t.is(canonical('10.0.0.1'), '10.0.0.1');
  t.is(canonical('FD00:0:0::0001'), 'fd00::1');
  t.is(canonical('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1');
  t.is(canonical('::'), '::');
});

test('text and bytes go both ways', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => t.deepEqual(parseAddress(formatAddress(parseAddress(text))), parseAddress(text))),
  );
  t.pass();
});

test('a prefix has its length, or that of the whole address', (t) => {
  t.like(parsePrefix('10.1.0.0/16'), { version: 4, family: 2, length: 16 });
  t.like(parsePrefix('fd00::1'), { version: 6, family: 10, length: 128 });
  t.is(formatPrefix(parsePrefix('FD00::/8').bytes, 8), 'fd00::/8');
});

test('what is none is refused with its value', (t) => {
  for (const text of ['10.0.0', '10.0.0.256', '0x7f.1', 'fe80::1%eth0', '', 'localhost']) {
    t.throws(() => parseAddress(text), { instanceOf: TypeError, message: new RegExp(`^"${text}" is not an IP address`) });
  }
  for (const text of ['10.0.0.0/33', 'fd00::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/1e1'])
    t.throws(() => parsePrefix(text), { message: /is not a CIDR/ });
  for (const text of ['aa:bb:cc:dd:ee', 'aa-bb-cc-dd-ee-ff', 'gg:bb:cc:dd:ee:ff'])
    t.throws(() => parseMac(text), { message: /is not a MAC address/ });
});

test('MAC addresses go both ways', (t) => {
  t.is(formatMac(parseMac('EE:ee:0e:00:01:ff')), 'ee:ee:0e:00:01:ff');
});
