import test from 'ava';
import { openNamespace } from '../namespace.ts';
import { sysctl } from '../sysctl.ts';
import { descriptorsLeaked, openDescriptors, runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { Netlink } from './netlink.ts';

function open(t: Parameters<typeof temporaryNamespace>[0]): { netlink: Netlink; namespace: string } {
  const namespace = temporaryNamespace(t);
  const netlink = Netlink.open({ namespace });
  t.teardown(() => netlink.close());
  return { netlink, namespace };
}

test('a container is wired with one request and two batches, and its packets go both ways over IPv4 and IPv6', (t) => {
  const host = open(t);
  const container = open(t);
  using namespace = openNamespace(container.namespace);
  const [gatewayMac, mac] = ['ee:ee:ee:ee:ee:ee', '02:00:00:00:00:02'];
  host.netlink.setLink('lo', { up: true });
  host.netlink.addAddress('lo', '192.0.2.1/32');
  host.netlink.addAddress('lo', '2001:db8::1/128');

  host.netlink.addVeth({ name: 'weir0', mac: gatewayMac, peer: { name: 'eth0', namespace, mac } });
  container.netlink.batch((batch) => {
    batch.setLink('lo', { up: true });
    batch.setLink('eth0', { up: true, ipv6AddressGeneration: 'none' });
    for (const [address, gateway] of [
      ['10.0.0.2/32', '169.254.1.1'],
      ['fd00::2/128', 'fe80::1'],
    ] as const) {
      batch.addAddress('eth0', address, { noDad: true });
      batch.addNeighbour({ link: 'eth0', address: gateway, mac: gatewayMac });
      batch.addRoute({ destination: gateway === 'fe80::1' ? 'fe80::1/128' : `${gateway}/32`, link: 'eth0' });
      batch.addRoute({ destination: gateway === 'fe80::1' ? '::/0' : '0.0.0.0/0', via: gateway, link: 'eth0' });
    }
  });
  host.netlink.batch((batch) => {
    batch.setLink('weir0', { up: true, ipv4Conf: { proxyArp: 1 }, ipv6AddressGeneration: 'none' });
    for (const address of ['10.0.0.2', 'fd00::2']) {
      batch.addNeighbour({ link: 'weir0', address, mac });
      batch.addRoute({ destination: address, link: 'weir0', protocol: 121 });
    }
  });

  // bash's /dev/tcp needs no other program: a connection that is refused by the host's stack went there and came back.
  for (const address of ['192.0.2.1', '2001:db8::1']) {
    const error = t.throws(() => runWithin(container.namespace, 'timeout', '5', 'bash', '-c', `: < /dev/tcp/${address}/9`)) as unknown as {
      stderr: string;
    };
    t.regex(error.stderr, /Connection refused/);
  }
  for (const address of ['10.0.0.2', 'fd00::2']) {
    const error = t.throws(() => runWithin(host.namespace, 'timeout', '5', 'bash', '-c', `: < /dev/tcp/${address}/9`)) as unknown as {
      stderr: string;
    };
    t.regex(error.stderr, /Connection refused/);
  }
  t.is(sysctl('net/ipv4/conf/weir0/proxy_arp', undefined, { namespace: host.namespace }), '1');
});

test('addresses are added, read, replaced and deleted', (t) => {
  const { netlink } = open(t);
  netlink.addVeth({ name: 'eth0', up: true, peer: { name: 'eth1' } });
  const link = netlink.indexOf('eth0');
  netlink.setLink('eth0', { ipv6AddressGeneration: 'none' });
  netlink.addAddress('eth0', '10.0.0.1/24');
  netlink.addAddress('eth0', '169.254.1.1/32', { scope: 'link' });
  netlink.addAddress('eth0', 'fd00::1/64', { noDad: true });
  netlink.addAddress('eth0', 'fe80::1/64', { noDad: true });
  const rest = { tentative: false, duplicate: false, permanent: true };
  t.deepEqual(
    netlink.addresses({ link: 'eth0' }),
    [
      { link, version: 4, cidr: '10.0.0.1/24', scope: 'global', ...rest },
      { link, version: 4, cidr: '169.254.1.1/32', scope: 'link', ...rest },
      { link, version: 6, cidr: 'fe80::1/64', scope: 'link', ...rest },
      { link, version: 6, cidr: 'fd00::1/64', scope: 'global', ...rest },
    ].sort(
      (a, b) =>
        a.version - b.version ||
        netlink.addresses({ link }).findIndex(({ cidr }) => cidr === a.cidr) -
          netlink.addresses({ link }).findIndex(({ cidr }) => cidr === b.cidr),
    ) as ReturnType<Netlink['addresses']>,
  );
  t.like(
    t.throws(() => netlink.addAddress('eth0', '10.0.0.1/24')),
    { code: 'EEXIST', operation: `ip address add 10.0.0.1/24 dev ${link}` },
  );
  t.notThrows(() => netlink.replaceAddress('eth0', '10.0.0.1/24'));
  netlink.deleteAddress('eth0', '10.0.0.1/24');
  netlink.deleteAddress('eth0', 'fd00::1/64');
  t.deepEqual(
    netlink.addresses({ link: 'eth0' }).map(({ cidr }) => cidr),
    ['169.254.1.1/32', 'fe80::1/64'],
  );
  t.like(
    t.throws(() => netlink.deleteAddress('eth0', 'fd00::1/64')),
    { code: 'EADDRNOTAVAIL' },
  );
});

test('packets to an own address of the link are taken in, and no others', (t) => {
  const { netlink } = open(t);
  netlink.addVeth({ name: 'one', up: true, peer: { name: 'two' } });
  netlink.setLink('two', { up: true });
  netlink.addAddress('one', '192.0.2.1/24');
  t.true(netlink.takesIn('one', '192.0.2.1'));
  t.false(netlink.takesIn('one', '192.0.2.2'));
  t.false(netlink.takesIn('one', '198.51.100.1'), 'there is no way to it');
  t.false(netlink.takesIn('two', 'fe80::1'));
  t.throws(() => netlink.takesIn('three', '192.0.2.1'), { code: 'ENODEV' });
});

test('the link towards an address is that of its route, of either family', (t) => {
  const { netlink } = open(t);
  netlink.addVeth({ name: 'eth0', up: true, peer: { name: 'eth1' } });
  netlink.setLink('eth1', { up: true });
  netlink.addAddress('eth0', '10.0.0.1/24');
  netlink.addAddress('eth1', 'fd00::1/64');
  netlink.addRoute({ destination: '10.9.0.0/16', type: 'blackhole' });
  t.is(netlink.linkTowards('10.0.0.7'), 'eth0');
  t.is(netlink.linkTowards('fd00::7'), 'eth1');
  t.is(netlink.linkTowards('10.9.0.7'), undefined, 'a blackhole');
  t.is(netlink.linkTowards('192.0.2.1'), undefined, 'no route');
});

test('neighbours are permanent unless asked otherwise, proxies are kept apart', (t) => {
  const { netlink } = open(t);
  netlink.addVeth({ name: 'eth0', up: true, peer: { name: 'eth1' } });
  netlink.setLink('eth1', { up: true });
  const link = netlink.indexOf('eth0');
  const mac = 'ee:ee:ee:ee:ee:ee';
  netlink.addNeighbour({ link: 'eth0', address: '169.254.1.1', mac });
  netlink.addNeighbour({ link: 'eth0', address: 'fe80::1', mac });
  netlink.addNeighbour({ link: 'eth0', address: '10.0.0.9', mac, permanent: false });
  netlink.addNeighbour({ link: 'eth0', address: 'fd00::9', proxy: true });
  const found = netlink.neighbours({ link: 'eth0' }).filter(({ state }) => state !== 'noarp');
  t.deepEqual(
    found.sort((a, b) => (a.address < b.address ? -1 : 1)),
    [
      { link, address: '10.0.0.9', mac, state: 'reachable', proxy: false },
      { link, address: '169.254.1.1', mac, state: 'permanent', proxy: false },
      { link, address: 'fe80::1', mac, state: 'permanent', proxy: false },
    ],
  );
  t.deepEqual(
    netlink.neighbours({ link: 'eth0', proxy: true }).map(({ address, proxy }) => [address, proxy]),
    [['fd00::9', true]],
  );
  t.like(
    t.throws(() => netlink.addNeighbour({ link: 'eth0', address: 'fe80::1', mac })),
    { code: 'EEXIST', operation: `ip neighbour add fe80::1 lladdr ${mac} dev ${link} nud permanent` },
  );
  netlink.replaceNeighbour({ link: 'eth0', address: 'fe80::1', mac: '02:00:00:00:00:01' });
  t.is(netlink.neighbours({ version: 6 }).find(({ address }) => address === 'fe80::1')?.mac, '02:00:00:00:00:01');
  netlink.deleteNeighbour({ link: 'eth0', address: 'fe80::1' });
  netlink.deleteNeighbour({ link: 'eth0', address: 'fd00::9', proxy: true });
  t.deepEqual(netlink.neighbours({ link: 'eth0', proxy: true }), []);
  t.is(
    netlink.neighbours().find(({ address, state }) => address === 'fe80::1' && state === 'permanent'),
    undefined,
  );
});

test("a VXLAN link's forwarding database", (t) => {
  const { netlink } = open(t);
  netlink.addVxlan({ name: 'vxlan0', id: 42, local: '192.0.2.1' });
  const link = netlink.indexOf('vxlan0');
  const entries = [
    { link, mac: '00:00:00:00:00:00', destination: '192.0.2.2' },
    { link, mac: '00:00:00:00:00:00', destination: '192.0.2.3' },
    { link, mac: '02:00:00:00:00:01', destination: '192.0.2.2' },
  ];
  for (const entry of entries) netlink.addForwarding(entry);
  const read = (): typeof entries => netlink.forwarding('vxlan0').sort((a, b) => (a.mac + a.destination < b.mac + b.destination ? -1 : 1));
  t.deepEqual(read(), entries);
  netlink.addForwarding({ link, mac: '02:00:00:00:00:01', destination: '192.0.2.9' });
  t.is(read()[2]?.destination, '192.0.2.9', 'a MAC is in one place');
  netlink.deleteForwarding(entries[0]!);
  t.deepEqual(
    read().map(({ destination }) => destination),
    ['192.0.2.3', '192.0.2.9'],
  );
});

test('rules of both versions are added, read back equal, and deleted', (t) => {
  const { netlink } = open(t);
  const rules = [
    { version: 4, priority: 100, source: '10.0.0.0/8', table: 500, protocol: 121 },
    { version: 4, priority: 101, mark: 7, mask: 0xff, invert: true, table: 500, protocol: 121 },
    { version: 6, priority: 100, destination: 'fd00::/64', inputLink: 'weir0', table: 500, protocol: 121 },
    { version: 6, priority: 101, outputLink: 'eth0', action: 'blackhole', protocol: 121 },
  ] as const;
  for (const rule of rules) netlink.addRule(rule);
  const own = (): unknown[] => netlink.rules().filter(({ protocol }) => protocol === 121);
  t.deepEqual(own(), rules as unknown as unknown[]);
  t.like(
    t.throws(() => netlink.addRule(rules[0])),
    { code: 'EEXIST', operation: 'ip rule add from 10.0.0.0/8 priority 100 lookup 500' },
  );
  for (const rule of rules) netlink.deleteRule(rule);
  t.deepEqual(own(), []);
});

test.serial('a thousand wirings and refusals leave no file descriptor open', async (t) => {
  const { netlink, namespace } = open(t);
  netlink.addBridge({ name: 'taken' });
  t.is(
    descriptorsLeaked(1000, () => {
      t.throws(() => netlink.addBridge({ name: 'taken' }), { code: 'EEXIST' });
      t.throws(() => netlink.indexOf('missing'), { code: 'ENODEV' });
    }),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => {
      using another = Netlink.open({ namespace });
      another.links();
    }),
    0,
  );
  const before = openDescriptors();
  for (let round = 0; round < 20; round += 1) await netlink.deleteLinkGroup(1234);
  t.is(openDescriptors(), before);
});
