import { sysctl } from '@weir/kernel';
import test from 'ava';
import { DNS4, DNS6 } from '../addresses.ts';
import { makeHosts, makeNamespace } from '../testing/namespaces.ts';
import { dnsAddresses, removeDnsAddresses } from './dns-addresses.ts';

test('the addresses are there once, and gone when they are not wanted', (t) => {
  const host = makeNamespace(t, 'host');
  for (const _ of [1, 2]) t.deepEqual(dnsAddresses(host.netlink), [DNS4, DNS6]);
  t.regex(
    host.ip('address show dev lo'),
    /inet 169\.254\.1\.53\/32 scope link lo[\s\S]*inet6 fd77:6569:7200::53\/128 scope global nodad deprecated/,
  );
  for (const _ of [1, 2]) removeDnsAddresses(host.netlink);
  t.notRegex(host.ip('address show dev lo'), /\/32|\/128 scope global/);
});

test('neither is the source of what the host sends to its containers, whose own addresses may be of the same kind', (t) => {
  const { host } = makeHosts(t, { host: ['192.0.2.1/24', '2001:db8::1/64'] });
  dnsAddresses(host.netlink);
  host.ip('link add veth-a type veth peer name veth-b');
  for (const end of ['a', 'b']) host.ip(`link set veth-${end} up`);
  for (const destination of ['10.65.0.7/32', 'fd77:6569:7200::7/128']) {
    host.netlink.addRoute({ destination, link: 'veth-a' });
    t.regex(host.ip(`route get ${destination.split('/')[0]}`), / src (192\.0\.2\.1|2001:db8::1) /);
  }
});

test('a host without IPv6 has the other one', (t) => {
  const host = makeNamespace(t, 'host');
  host.run(() => sysctl('net/ipv6/conf/all/disable_ipv6', 1));
  t.deepEqual(dnsAddresses(host.netlink), [DNS4]);
});
