import test from 'ava';
import { linkLocalAddress } from '../addresses.ts';
import { block, host, hostWithTunnel, pool, routesOf } from '../testing/objects.ts';
import { tunnelMac } from '../tunnel/tunnel.ts';
import { changesRoutes, desiredRoutes, type RoutingState } from './routes.ts';

test('a route to every block of another host, by its address of the family; a blackhole for own ones', (t) => {
  const routes = routesOf({
    self: 'a',
    hosts: [host('a', '192.0.2.1', '2001:db8::1'), host('b', '2001:db8::2', '192.0.2.2', '192.0.2.22')],
    blocks: [block('10.0.0.0/26', 'a'), block('10.0.0.64/26', 'b'), block('fd00::40/122', 'b'), block('fd00::/122', 'a')],
  });
  t.deepEqual(
    [...routes].map(
      ([destination, { type, via, metric, protocol }]) => `${type} ${destination} via ${via} metric ${metric} proto ${protocol}`,
    ),
    [
      'blackhole 10.0.0.0/26 via undefined metric 65535 proto 121',
      'unicast 10.0.0.64/26 via 192.0.2.2 metric undefined proto 121',
      'unicast fd00::40/122 via 2001:db8::2 metric undefined proto 121',
      'blackhole fd00::/122 via undefined metric 65535 proto 121',
    ],
  );
});

test('a host without an address of the family, or not known yet, makes its blocks unreachable, and says so', (t) => {
  const routes = routesOf({
    self: 'a',
    hosts: [host('b', '192.0.2.2')],
    blocks: [block('fd00::40/122', 'b'), block('10.0.0.128/26', 'c')],
  });
  t.like(routes.get('fd00::40/122'), { type: 'unreachable', problem: 'host "b" has no IPv6 address' });
  t.like(routes.get('10.0.0.128/26'), { type: 'unreachable', problem: 'host "c" is not known' });
});

test("an address that another host than its block's holds has a route of its own, on every host but that one", (t) => {
  const hosts = [host('a', '192.0.2.1'), host('b', '192.0.2.2'), host('c', '192.0.2.3')];
  const blocks = [block('10.0.0.0/26', 'a', { '10.0.0.5': 'b', '10.0.0.6': 'a' })];
  const textOf = (self: string) =>
    [...routesOf({ self, hosts, blocks }).values()].map(({ type, destination, via }) => `${type} ${destination} ${via}`);
  t.deepEqual(textOf('a'), ['blackhole 10.0.0.0/26 undefined', 'unicast 10.0.0.5/32 192.0.2.2']);
  t.deepEqual(textOf('b'), ['unicast 10.0.0.0/26 192.0.2.1']);
  t.deepEqual(textOf('c'), ['unicast 10.0.0.0/26 192.0.2.1', 'unicast 10.0.0.5/32 192.0.2.2']);
});

test('routes change with a block, its host and what is borrowed, not with what its own host gives out', (t) => {
  const plain = block('10.0.0.0/26', 'a');
  t.true(changesRoutes(undefined, plain));
  t.true(changesRoutes(plain, undefined));
  t.true(changesRoutes(plain, block('10.0.0.0/26', 'b')));
  t.true(changesRoutes(plain, block('10.0.0.0/26', 'a', { '10.0.0.5': 'b' })));
  t.false(changesRoutes(plain, block('10.0.0.0/26', 'a', { '10.0.0.5': 'a' })));
});

const TUNNEL = { address: '192.0.2.1', mac: tunnelMac('a'), port: 4789, vni: 4096, tunnelAddresses: ['10.0.0.63'], link: 9 };

test('Always: through the tunnel, from its own address, by next hops of either family; the end is a peer', (t) => {
  const { routes, peers } = desiredRoutes({
    self: 'a',
    hosts: [hostWithTunnel('a', ['192.0.2.0/24'], '192.0.2.1'), hostWithTunnel('b', [], '192.0.2.2', '2001:db8::2')],
    blocks: [block('10.0.0.0/26', 'a'), block('10.0.0.64/26', 'b'), block('fd00::40/122', 'b')],
    pools: [pool('Always')],
    tunnel: TUNNEL,
  });
  t.deepEqual(routes.get('10.0.0.64/26'), {
    destination: '10.0.0.64/26',
    protocol: 121,
    type: 'unicast',
    via: '192.0.2.2',
    link: 9,
    onLink: true,
    source: '10.0.0.63',
  });
  const gateway6 = routes.get('fd00::40/122')!.via!;
  t.regex(gateway6, /^fe80::/);
  t.is(routes.get('10.0.0.0/26')!.type, 'blackhole');
  t.deepEqual([...peers], [['b', { mac: tunnelMac('b'), address: '192.0.2.2', gateways: new Set(['192.0.2.2', gateway6]) }]]);
});

test('CrossSubnet: through the tunnel to hosts that are on no subnet of ours, as they are to the others', (t) => {
  const { routes, peers } = desiredRoutes({
    self: 'a',
    hosts: [
      hostWithTunnel('a', ['192.0.2.0/24'], '192.0.2.1'),
      hostWithTunnel('near', ['192.0.2.0/24'], '192.0.2.2'),
      hostWithTunnel('far', ['198.51.100.0/24'], '198.51.100.2'),
    ],
    blocks: [block('10.0.0.64/26', 'near'), block('10.0.0.128/26', 'far')],
    pools: [pool('CrossSubnet')],
    tunnel: TUNNEL,
  });
  t.is(routes.get('10.0.0.64/26')!.link, undefined);
  t.is(routes.get('10.0.0.128/26')!.link, 9);
  t.deepEqual([...peers.keys()], ['far']);
});

test('natively, IPv4 has IPv6 next hops between hosts that share no IPv4', (t) => {
  const [both, six, four] = [host('b', '192.0.2.2', '2001:db8::2'), host('b', '2001:db8::2'), host('b', '192.0.2.2')];
  const viaOf = (self: ReturnType<typeof host>, other: ReturnType<typeof host>) =>
    routesOf({ self: 'a', hosts: [self, other], blocks: [block('10.0.0.64/26', 'b')] }).get('10.0.0.64/26')!.via;
  t.is(viaOf(host('a', '192.0.2.1', '2001:db8::1'), both), '192.0.2.2');
  t.is(viaOf(host('a', '192.0.2.1', '2001:db8::1'), six), '2001:db8::2');
  t.is(viaOf(host('a', '2001:db8::1'), both), '2001:db8::2');
  t.is(viaOf(host('a', '192.0.2.1'), six), undefined, 'they share nothing');
  t.is(viaOf(host('a', '2001:db8::1'), four), '192.0.2.2', 'which the kernel refuses, and so it is told');
});

test('over IPv6 alone, IPv4 goes by a link-local next hop', (t) => {
  const { routes } = desiredRoutes({
    self: 'a',
    hosts: [hostWithTunnel('b', [], '2001:db8::2')],
    blocks: [block('10.0.0.64/26', 'b')],
    pools: [pool('Always')],
    tunnel: { ...TUNNEL, address: '2001:db8::1' },
  });
  t.like(routes.get('10.0.0.64/26'), { type: 'unicast', link: 9, problem: undefined });
  t.regex(routes.get('10.0.0.64/26')!.via!, /^fe80::/);
});

test('until both ends of a tunnel are there and fit, packets go without it, and it is said why', (t) => {
  const wayTo = (peer: ReturnType<typeof host>, tunnel: RoutingState['tunnel']) =>
    desiredRoutes({ self: 'a', hosts: [peer], blocks: [block('10.0.0.64/26', 'b')], pools: [pool('Always')], tunnel }).routes.get(
      '10.0.0.64/26',
    )!;
  const peer = hostWithTunnel('b', [], '192.0.2.2');
  t.like(wayTo(host('b', '192.0.2.2'), TUNNEL), { via: '192.0.2.2', link: undefined, problem: 'host "b" has no end of a tunnel yet' });
  t.like(wayTo(peer, { problem: 'the kernel has no VXLAN' }), { via: '192.0.2.2', link: undefined, problem: 'the kernel has no VXLAN' });
  t.regex(wayTo(peer, { ...TUNNEL, vni: 7 }).problem!, /host "b" has VXLAN port 4789 and VNI 4096, this one 4789 and 7/);
  t.regex(wayTo(peer, { ...TUNNEL, address: '2001:db8::1' }).problem!, /end at 192\.0\.2\.2, those of this host at 2001:db8::1/);
  t.regex(wayTo(peer, { ...TUNNEL, address: '192.0.2.2' }).problem!, /has the address 192\.0\.2\.2 of this host/);
  t.is(wayTo(peer, TUNNEL).problem, undefined);
});

test('a dead host is unreachable, and one address of two hosts is told', (t) => {
  const hosts = [host('b', '192.0.2.2'), host('c', '192.0.2.2')];
  const blocks = [block('10.0.0.64/26', 'b')];
  t.like(routesOf({ self: 'a', hosts, blocks }).get('10.0.0.64/26'), {
    via: '192.0.2.2',
    problem: 'hosts "b" and "c" have one address, 192.0.2.2',
  });
  t.like(routesOf({ self: 'a', hosts, blocks, dead: new Set(['b']) }).get('10.0.0.64/26'), {
    type: 'unreachable',
    problem: 'host "b" gives no sign of life',
  });
  const ends = [hostWithTunnel('b', [], '192.0.2.2'), hostWithTunnel('c', [], '192.0.2.2')];
  const { routes } = desiredRoutes({ self: 'a', hosts: ends, blocks, pools: [pool('Always')], tunnel: TUNNEL });
  t.like(routes.get('10.0.0.64/26'), {
    via: linkLocalAddress(tunnelMac('b')),
    link: TUNNEL.link,
    problem: 'hosts "b" and "c" have one address, 192.0.2.2',
  });
});

test('no route to blocks of a pool whose containers share a link', (t) => {
  const shared = pool('Never');
  const state = {
    self: 'a',
    hosts: [host('a', '192.0.2.1'), host('b', '192.0.2.2')],
    blocks: [block('10.0.0.0/26', 'a'), block('10.0.0.64/26', 'b')],
  };
  t.is(desiredRoutes({ ...state, pools: [shared] }).routes.size, 2);
  const withoutRoutes = { ...shared, spec: { ...shared.spec, routes: 'None' as const } };
  t.is(desiredRoutes({ ...state, pools: [withoutRoutes] }).routes.size, 0);
  t.true(changesRoutes(shared, withoutRoutes));
});

test('to blocks of a flannel pool leads what its leases say, where this host has one; else their hosts', (t) => {
  const flannel = { ...pool('Never'), spec: { ...pool('Never').spec, routes: 'Flannel' as const } };
  const outside = host('a', '192.0.2.1');
  const joined = { ...outside, spec: { ...outside.spec, flannel: { subnets: ['10.0.0.0/26'], containers: 'Weir' as const } } };
  const blocks = [block('10.0.0.0/28', 'a'), block('10.0.0.64/28', 'b')];
  const ways = (self: typeof outside, hasFlanneld = false) =>
    [...desiredRoutes({ self: 'a', hosts: [self, host('b', '192.0.2.2')], blocks, pools: [flannel], hasFlanneld }).routes.values()].map(
      ({ destination, type }) => `${type} ${destination}`,
    );
  t.deepEqual(ways(joined), []);
  t.deepEqual(ways(outside, true), [], 'a flanneld on this host knows the way');
  t.deepEqual(ways(outside), ['unicast 10.0.0.64/28'], 'what it had of a lease may be a flanneld’s again');
  t.true(changesRoutes(outside, joined));
});

test('a pool whose routes are by BGP: own blocks alone, and what is there stays until the daemon has its own', (t) => {
  const state = {
    self: 'a',
    hosts: [host('a', '192.0.2.1'), host('b', '192.0.2.2')],
    blocks: [block('10.0.0.0/26', 'a', { '10.0.0.5': 'b' }), block('10.0.0.64/26', 'b', { '10.0.0.70': 'a' })],
    pools: [{ ...pool('Never'), spec: { ...pool('Never').spec, routes: 'Bgp' as const } }],
  };
  const destinations = (byBgp?: RoutingState['byBgp']) => [...routesOf({ ...state, ...(byBgp && { byBgp }) }).keys()];
  t.deepEqual(destinations(), ['10.0.0.0/26']);
  const learnt = new Set(['10.0.0.64/26']);
  t.deepEqual(destinations({ isThere: () => true, isLearnt: () => false }), ['10.0.0.0/26', '10.0.0.5/32', '10.0.0.64/26']);
  t.deepEqual(destinations({ isThere: () => true, isLearnt: (destination) => learnt.has(destination) }), ['10.0.0.0/26', '10.0.0.5/32']);
});
