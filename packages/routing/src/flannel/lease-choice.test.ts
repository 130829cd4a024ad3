import test from 'ava';
import { parseLease } from './lease.ts';
import { chooseLease } from './lease-choice.ts';
import { parseFlannelNetwork } from './network-config.ts';

const network = parseFlannelNetwork('{"Network":"10.5.0.0/21","SubnetLen":24,"Backend":{"Type":"host-gw"}}');
const dual = parseFlannelNetwork(
  '{"Network":"10.5.0.0/21","SubnetLen":24,"EnableIPv6":true,"IPv6Network":"fc00::/48","Backend":{"Type":"host-gw"}}',
);
const leases = (hosts: Record<string, string>) =>
  new Map(Object.entries(hosts).map(([name, address]) => [name, parseLease(name, `{"PublicIP":"${address}","PublicIPv6":"2001:db8::1"}`)]));
const SELF = { network, address: '192.0.2.1', previous: undefined, random: () => 0 };

test('its own lease again, by its address', (t) => {
  t.deepEqual(chooseLease({ ...SELF, leases: leases({ '10.5.3.0-24': '192.0.2.1' }) }), { reuse: '10.5.3.0-24' });
  // One that the configuration no longer allows is given up.
  for (const name of ['10.6.3.0-24', '10.5.3.0-25', '10.5.0.0-24'])
    t.deepEqual(chooseLease({ ...SELF, leases: leases({ [name]: '192.0.2.1' }) }), { remove: name, take: { IPv4: '10.5.1.0/24' } });
});

test('what it had before, unless another has it now, or one that is free', (t) => {
  const previous = { IPv4: '10.5.3.0/24' };
  t.deepEqual(chooseLease({ ...SELF, previous, leases: new Map() }), { take: previous });
  const taken = leases({ '10.5.3.0-24': '192.0.2.2', '10.5.1.0-24': '192.0.2.3' });
  t.deepEqual(chooseLease({ ...SELF, previous, leases: taken }), { take: { IPv4: '10.5.2.0/24' } });
  t.deepEqual(chooseLease({ ...SELF, previous, leases: taken, random: () => 0.999 }), { take: { IPv4: '10.5.7.0/24' } });
});

test('a lease that cannot be read, and one of another size, take their subnets all the same', (t) => {
  const odd = new Map([
    ['10.5.1.0-24', undefined],
    ['10.5.2.0-23', undefined],
    ['no lease', undefined],
  ]);
  t.deepEqual(chooseLease({ ...SELF, leases: odd }), { take: { IPv4: '10.5.4.0/24' } });
});

test('both families', (t) => {
  const taken = leases({ '10.5.1.0-24&fc00:0:0:1::-64': '192.0.2.2' });
  t.deepEqual(chooseLease({ ...SELF, network: dual, leases: taken }), { take: { IPv4: '10.5.2.0/24', IPv6: 'fc00:0:0:2::/64' } });
  // A lease of IPv4 alone does for a network of IPv4 alone.
  t.is(chooseLease({ ...SELF, network: dual, leases: leases({ '10.5.3.0-24': '192.0.2.1' }) }).remove, '10.5.3.0-24');
});

test('none left', (t) => {
  const all = leases(Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((part) => [`10.5.${part}.0-24`, `192.0.2.1${part}`])));
  t.throws(() => chooseLease({ ...SELF, leases: all }), { code: 'EFLANNEL', message: /network 10\.5\.0\.0\/21 has no \/24 left/ });
});
