import test from 'ava';
import { NamespaceHandle, openNamespace } from '../namespace.ts';
import { runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { decodeLink } from './link.ts';
import { BRIDGE, HEADER_LENGTH, IFLA, IFLA_INFO_DATA, IFLA_INFO_KIND } from './link-attribute.ts';
import { deleteLink, deleteLinkGroup, setLink } from './link-change.ts';
import { addBridge, addVeth, addVxlan } from './link-creation.ts';
import { Netlink } from './netlink.ts';

function open(t: Parameters<typeof temporaryNamespace>[0]): { netlink: Netlink; ip: (...args: string[]) => string; namespace: string } {
  const namespace = temporaryNamespace(t);
  const netlink = Netlink.open({ namespace });
  t.teardown(() => netlink.close());
  return { netlink, namespace, ip: (...args) => runWithin(namespace, 'ip', ...args) };
}

test('requests are named as an operator would type them', (t) => {
  const namespace = new NamespaceHandle(9);
  const said = [
    addVeth({
      name: 'weir0',
      mac: 'ee:ee:ee:ee:ee:ee',
      mtu: 1450,
      up: true,
      group: 7,
      queues: 1,
      peer: { name: 'eth0', namespace, mac: '02:00:00:00:00:01', mtu: 1450 },
    }),
    addVxlan({ name: 'vxlan0', id: 42, local: 'fd00::1', underlay: 3 }),
    addBridge({ name: 'br0', up: true }),
    setLink('eth0', { up: false, mtu: 9000, mac: '02:00:00:00:00:02', ipv4Conf: { proxyArp: 1 }, ipv6AddressGeneration: 'none' }),
    setLink(4, { name: 'eth1', namespace, group: 5 }),
    setLink('br0', { bridge: { callIpv4Hooks: true, callIpv6Hooks: false } }),
    deleteLink('weir0'),
    deleteLinkGroup(5),
  ].map(({ operation }) => operation);
  t.deepEqual(said, [
    'ip link add weir0 address ee:ee:ee:ee:ee:ee mtu 1450 group 7 numtxqueues 1 numrxqueues 1 up type veth peer name eth0 address 02:00:00:00:00:01 mtu 1450 netns fd 9',
    'ip link add vxlan0 type vxlan id 42 dstport 4789 local fd00::1 dev 3 nolearning',
    'ip link add br0 up type bridge',
    'ip link set eth0 down mtu 9000 address 02:00:00:00:00:02 ipv4.proxyArp 1 addrgenmode none',
    'ip link set 4 name eth1 netns fd 9 group 5',
    'ip link set br0 type bridge callIpv4Hooks 1 callIpv6Hooks 0',
    'ip link delete weir0',
    'ip link delete group 5',
  ]);
});

test('a veth pair is made in place, both ends as asked for', (t) => {
  const { netlink } = open(t);
  const inside = open(t);
  using namespace = openNamespace(inside.namespace);
  netlink.addVeth({
    name: 'weir0',
    mac: 'ee:ee:ee:ee:ee:ee',
    mtu: 1450,
    up: true,
    group: 7,
    peer: { name: 'eth0', namespace, mac: '02:00:00:00:00:01', mtu: 1400, group: 9 },
  });
  t.like(netlink.link('weir0'), { kind: 'veth', up: true, mtu: 1450, mac: 'ee:ee:ee:ee:ee:ee', group: 7 });
  t.like(inside.netlink.link('eth0'), { kind: 'veth', up: false, mtu: 1400, mac: '02:00:00:00:00:01', group: 9 });
  t.is(netlink.link('weir0')?.peer, inside.netlink.indexOf('eth0'));
  t.is(typeof netlink.link('weir0')?.peerNamespaceId, 'number');
  inside.netlink.deleteLink('eth0');
  t.is(netlink.link('weir0'), undefined, 'the other end went with it');
});

test('a veth pair has so many queues as are asked for', (t) => {
  const { netlink, ip } = open(t);
  netlink.addVeth({ name: 'left', queues: 3, peer: { name: 'right' } });
  for (const end of ['left', 'right']) t.regex(ip('-d', 'link', 'show', end), / numtxqueues 3 numrxqueues 3 /);
});

test('a veth pair without a namespace has both ends here', (t) => {
  const { netlink } = open(t);
  netlink.addVeth({ name: 'left', peer: { name: 'right' } });
  t.is(netlink.link('left')?.peer, netlink.link('right')?.index);
});

test('a veth whose name is taken leaves nothing behind in the other namespace', (t) => {
  const { netlink } = open(t);
  const inside = open(t);
  using namespace = openNamespace(inside.namespace);
  netlink.addBridge({ name: 'weir0' });
  t.like(
    t.throws(() => netlink.addVeth({ name: 'weir0', peer: { name: 'eth0', namespace } })),
    { code: 'EEXIST' },
  );
  inside.netlink.addBridge({ name: 'eth0' });
  t.like(
    t.throws(() => netlink.addVeth({ name: 'weir1', peer: { name: 'eth0', namespace } })),
    { code: 'EEXIST' },
  );
  t.deepEqual(
    netlink.links().map(({ name }) => name),
    ['lo', 'weir0'],
  );
  t.deepEqual(
    inside.netlink.links().map(({ name }) => name),
    ['lo', 'eth0'],
  );
});

test('a link is changed in what is given, and in nothing else', (t) => {
  const { netlink, ip } = open(t);
  netlink.addBridge({ name: 'br0' });
  netlink.addVeth({ name: 'weir0', mac: '02:00:00:00:00:01', up: true, peer: { name: 'eth0' } });
  netlink.setLink('weir0', { ipv4Conf: { proxyArp: 1, rpFilter: 2 }, ipv6AddressGeneration: 'none' });
  t.like(netlink.link('weir0'), { up: true, mac: '02:00:00:00:00:01', ipv6AddressGeneration: 'none' });
  t.like(netlink.link('weir0')?.ipv4Conf, { proxyArp: 1, rpFilter: 2, forwarding: 0 });
  t.like(netlink.link('eth0')?.ipv4Conf, { proxyArp: 0, rpFilter: 0 });
  netlink.setLink('weir0', { master: 'br0', mtu: 1300, group: 3 });
  t.regex(ip('-o', 'link', 'show', 'weir0'), /mtu 1300 .* master br0 .*group 3/);
  t.is(netlink.link('weir0')?.master, netlink.indexOf('br0'));
  netlink.setLink('weir0', { master: 0 });
  t.is(netlink.link('weir0')?.master, undefined);
  netlink.setLink('weir0', { up: false });
  netlink.setLink('weir0', { name: 'weir1' });
  t.is(netlink.link('weir0'), undefined);
  t.false(netlink.link('weir1')?.up);
});

test('a link can be moved to another namespace', (t) => {
  const { netlink } = open(t);
  const inside = open(t);
  using namespace = openNamespace(inside.namespace);
  netlink.addVeth({ name: 'weir0', peer: { name: 'eth0' } });
  netlink.setLink('eth0', { namespace });
  t.is(netlink.link('eth0'), undefined);
  t.is(inside.netlink.link('eth0')?.kind, 'veth');
});

test('a VXLAN link has what was asked for, over either version', (t) => {
  const { netlink } = open(t);
  netlink.addVeth({ name: 'under', peer: { name: 'other' } });
  netlink.addVxlan({ name: 'vxlan4', id: 42, local: '192.0.2.1', underlay: 'under', mtu: 1400 });
  netlink.addVxlan({ name: 'vxlan6', id: 43, port: 8472, local: 'fd00::1', learning: true });
  t.like(netlink.link('vxlan4'), {
    kind: 'vxlan',
    mtu: 1400,
    vxlan: { id: 42, port: 4789, learning: false, local: '192.0.2.1', underlay: netlink.indexOf('under') },
  });
  t.deepEqual(netlink.link('vxlan6')?.vxlan, { id: 43, port: 8472, learning: true, local: 'fd00::1' });
});

test('a kind that the kernel does not have is an error', (t) => {
  const { netlink } = open(t);
  try {
    netlink.addDummy({ name: 'dummy0' });
    t.is(netlink.link('dummy0')?.kind, 'dummy');
  } catch (error) {
    t.like(error, { code: 'EOPNOTSUPP', operation: 'ip link add dummy0 type dummy' });
  }
});

test('a group is deleted whole, off the main thread, and nothing else', async (t) => {
  const { netlink } = open(t);
  netlink.batch((batch) => {
    for (let number = 0; number < 20; number += 1)
      batch.addVeth({ name: `weir${number}`, group: number < 15 ? 77 : 78, peer: { name: `eth${number}` } });
  });
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 0);
  await netlink.deleteLinkGroup(77);
  clearInterval(ticking);
  t.true(turns > 0, 'the event loop went on meanwhile');
  t.is(netlink.links().length, 11);
  await t.notThrowsAsync(netlink.deleteLinkGroup(77), 'an empty group is no error');
  await t.throwsAsync(netlink.deleteLinkGroup(0), { instanceOf: TypeError });
});

test('names that no link has, or can have', (t) => {
  const { netlink } = open(t);
  t.is(netlink.link('missing'), undefined);
  t.like(
    t.throws(() => netlink.indexOf('missing')),
    { code: 'ENODEV', operation: 'find link missing' },
  );
  t.like(
    t.throws(() => netlink.indexOf('a-name-of-16-byt')),
    { code: 'ENODEV', extendedAck: 'a link name has at most 15 bytes' },
  );
  t.like(
    t.throws(() => netlink.deleteLink('missing')),
    { code: 'ENODEV', operation: 'ip link delete missing' },
  );
  t.throws(() => netlink.addBridge({ name: 'a-name-of-16-byt' }), { code: 'ERANGE' });
});

test('a bridge tells whether it filters by VLAN, where the kernel can', (t) => {
  const attribute = (type: number, value: Buffer) => {
    const bytes = Buffer.alloc((value.length + 7) & ~3);
    bytes.writeUInt16LE(value.length + 4, 0);
    bytes.writeUInt16LE(type, 2);
    value.copy(bytes, 4);
    return bytes;
  };
  const bridge = (...settings: Buffer[]) => {
    const info = [attribute(IFLA_INFO_KIND, Buffer.from('bridge\0')), attribute(IFLA_INFO_DATA, Buffer.concat(settings))];
    const payload = Buffer.concat([Buffer.alloc(HEADER_LENGTH), attribute(IFLA.LINKINFO, Buffer.concat(info))]);
    return decodeLink({ payload } as Parameters<typeof decodeLink>[0]).bridge;
  };
  t.deepEqual(bridge(attribute(BRIDGE.VLAN_FILTERING, Buffer.from([1]))), { filtersVlans: true });
  t.deepEqual(bridge(attribute(BRIDGE.VLAN_FILTERING, Buffer.from([0]))), { filtersVlans: false });
  t.deepEqual(bridge(), {});
});

test('a bridge tells whether the hooks of a family see its packets, and is told so', (t) => {
  const { netlink, ip } = open(t);
  netlink.addBridge({ name: 'br0' });
  const seen = () => /nf_call_iptables (\d) nf_call_ip6tables (\d)/.exec(ip('-d', 'link', 'show', 'br0'))?.slice(1);
  t.like(netlink.link('br0')?.bridge, { callIpv4Hooks: false, callIpv6Hooks: false });
  netlink.setLink('br0', { bridge: { callIpv4Hooks: true } });
  t.like(netlink.link('br0')?.bridge, { callIpv4Hooks: true, callIpv6Hooks: false });
  t.deepEqual(seen(), ['1', '0']);
  netlink.setLink('br0', { bridge: { callIpv4Hooks: false, callIpv6Hooks: true } });
  t.deepEqual(seen(), ['0', '1']);
});
