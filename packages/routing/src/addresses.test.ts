import test from 'ava';
import fc from 'fast-check';
import { containerMac, hostPrefix, linkLocalAddress } from './addresses.ts';

test('property: a container MAC is locally administered, unicast, and the same for the same name', (t) => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const mac = containerMac(name);
      return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) && (Number.parseInt(mac, 16) & 0b11) === 0b10 && mac === containerMac(name);
    }),
  );
  t.not(containerMac('weir0'), containerMac('weir1'));
});

test('link-local address of RFC 4291, appendix A', (t) => {
  t.is(linkLocalAddress('34:56:78:9a:bc:de'), 'fe80::3656:78ff:fe9a:bcde');
  t.is(linkLocalAddress('ee:ee:ee:ee:ee:ee'), 'fe80::ecee:eeff:feee:eeee');
});

test('host prefixes', (t) => {
  t.is(hostPrefix('10.0.0.1'), '10.0.0.1/32');
  t.is(hostPrefix('fd00::1'), 'fd00::1/128');
});
