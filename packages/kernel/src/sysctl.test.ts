import test from 'ava';
import { Netlink } from './netlink/netlink.ts';
import { sysctl } from './sysctl.ts';
import { descriptorsLeaked, runWithin, temporaryNamespace } from './testing/temporary-namespace.ts';

test('a parameter is set in the namespace that is named', (t) => {
  const namespace = temporaryNamespace(t);
  const other = temporaryNamespace(t);
  t.is(sysctl('net.ipv6.conf.all.forwarding', 1, { namespace }), '1');
  t.is(sysctl('net.ipv6.conf.all.forwarding', undefined, { namespace }), '1');
  t.is(sysctl('net.ipv6.conf.all.forwarding', undefined, { namespace: other }), '0');
  t.is(runWithin(namespace, 'cat', '/proc/sys/net/ipv6/conf/all/forwarding'), '1');
});

test('a link whose name holds a dot is named with slashes', (t) => {
  const namespace = temporaryNamespace(t);
  using netlink = Netlink.open({ namespace });
  netlink.addBridge({ name: 'eth0.1' });
  sysctl('net/ipv4/conf/eth0.1/rp_filter', 2, { namespace });
  t.is(netlink.link('eth0.1')?.ipv4Conf?.rpFilter, 2);
});

test('what does not exist, or is not taken, is an error by name', (t) => {
  const namespace = temporaryNamespace(t);
  t.throws(() => sysctl('net/ipv4/conf/missing/rp_filter', undefined, { namespace }), {
    code: 'ENOENT',
    message: /^sysctl net\/ipv4\/conf\/missing\/rp_filter: /,
  });
  t.throws(() => sysctl('net/ipv4/conf/missing/rp_filter', 1, { namespace }), { code: 'ENOENT', message: /^sysctl .*=1: / });
  t.throws(() => sysctl('net.ipv4.ip_forward', 'perhaps', { namespace }), { code: 'EINVAL' });
  t.throws(() => sysctl('net/../../self/comm'), { instanceOf: TypeError });
});

test('a thousand readings and refusals leave no file descriptor open', (t) => {
  const namespace = temporaryNamespace(t);
  t.is(
    descriptorsLeaked(1000, () => {
      sysctl('net.ipv4.ip_forward', undefined, { namespace });
      t.throws(() => sysctl('net.ipv4.missing', 1, { namespace }));
    }),
    0,
  );
});
