import { openNamespace } from '@weir/kernel';
import test from 'ava';
import { makeNamespace } from '../testing/namespaces.ts';
import { findHostEnd, requireBridge } from './host-end.ts';

function setUp(t: Parameters<typeof makeNamespace>[0]) {
  const [host, container] = [makeNamespace(t, 'host'), makeNamespace(t, 'container')];
  using inside = openNamespace(container.path);
  host.netlink.addVeth({ name: 'veth7', peer: { name: 'eth0', namespace: inside } });
  const find = (interfaceName = 'eth0') => host.run(() => findHostEnd({ namespace: container.path, interfaceName }));
  return { host, container, find };
}

test('by the indexes of a veth, and with the bridge that it is a port of', (t) => {
  const { host, find } = setUp(t);
  t.deepEqual(find(), { hostInterface: 'veth7' });
  host.netlink.addBridge({ name: 'br0' });
  host.netlink.setLink('veth7', { master: 'br0' });
  t.deepEqual(find(), { hostInterface: 'veth7', bridge: 'br0' });
});

test('a bridge that filters by VLAN is refused, whatever this kernel can have', (t) => {
  const { host } = setUp(t);
  host.netlink.addBridge({ name: 'br0' });
  const link = host.netlink.link('br0')!;
  t.is(requireBridge(link, 'veth7'), 'br0');
  const filtering = { ...link, bridge: { ...link.bridge, filtersVlans: true } };
  t.throws(() => requireBridge(filtering, 'veth7'), { code: 'EMASTER', message: /^veth7, belongs to br0, which filters by VLAN/ });
  t.throws(() => requireBridge({ ...link, kind: 'vrf' }, 'veth7'), { code: 'EMASTER', message: /br0, of kind vrf, and not to a bridge/ });
  t.throws(() => requireBridge(undefined, 'veth7'), { code: 'EMASTER', message: /something that is gone/ });
});

test('what cannot be guarded is said: no veth, or one whose other end is elsewhere', (t) => {
  const { container, find } = setUp(t);
  t.throws(() => find('eth1'), { code: 'ENOTVETH', message: /no interface eth1/ });
  container.ip('link add mac0 link eth0 type macvlan');
  t.throws(() => find('mac0'), { code: 'ENOTVETH', message: /mac0 in .* is of kind macvlan/ });
  container.ip('link add here type veth peer name there');
  t.throws(() => find('here'), { code: 'ENOTVETH', message: /other end is not on this host/ });
});
