import { sysctl } from '@weir/kernel';
import test from 'ava';
import { makeHosts } from '../testing/namespaces.ts';
import { hostSetup } from './host-setup.ts';

test('forwarding is on, and a link that hears router advertisements goes on hearing them, but a new one does not', (t) => {
  const host = makeHosts(t, { a: [] }).a;
  const read = (name: string) => host.run(() => sysctl(name));
  host.run(() => {
    sysctl('net/ipv4/ip_forward', 0);
    sysctl('net/ipv6/conf/all/forwarding', 0);
  });
  host.run(hostSetup);
  t.is(read('net/ipv4/ip_forward'), '1');
  t.is(read('net/ipv6/conf/all/forwarding'), '1');
  t.is(read('net/ipv6/conf/uplink/accept_ra'), '2');
  host.netlink.addBridge({ name: 'later' });
  host.run(hostSetup);
  t.is(read('net/ipv6/conf/later/accept_ra'), '1');
});

test('flows are counted', (t) => {
  const host = makeHosts(t, { a: [] }).a;
  const counting = () => host.run(() => sysctl('net/netfilter/nf_conntrack_acct'));
  t.is(counting(), '0');
  t.true(host.run(hostSetup).includes('net.netfilter.nf_conntrack_acct'));
  t.is(counting(), '1');
  t.deepEqual(host.run(hostSetup), []);
});

test('a link that was told not to hear router advertisements stays deaf', (t) => {
  const host = makeHosts(t, { a: [] }).a;
  host.run(() => {
    sysctl('net/ipv6/conf/all/forwarding', 0);
    sysctl('net/ipv6/conf/uplink/accept_ra', 0);
    hostSetup();
  });
  t.is(
    host.run(() => sysctl('net/ipv6/conf/uplink/accept_ra')),
    '0',
  );
});
