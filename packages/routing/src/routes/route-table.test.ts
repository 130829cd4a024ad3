import test, { type ExecutionContext } from 'ava';
import { attach } from '../container/attach.ts';
import { makeHosts, makeNamespace, type TestNamespace } from '../testing/namespaces.ts';
import { block, host as hostObject, routesOf } from '../testing/objects.ts';
import { RouteTable } from './route-table.ts';
import type { BlockRoute } from './routes.ts';

const a = hostObject('a', '192.0.2.1', '2001:db8::1');
const b = hostObject('b', '192.0.2.2', '2001:db8::2');
const c = hostObject('c', '192.0.2.3');

function makeHost(t: ExecutionContext): TestNamespace {
  return makeHosts(t, { a: ['192.0.2.1/24', '2001:db8::1/64'] }).a;
}

/** Our routes in the words of `ip route`, less what the kernel adds. */
const ours = ({ ip }: TestNamespace) =>
  [...ip('-4 route show proto 121').split('\n'), ...ip('-6 route show proto 121').split('\n')]
    .map((line) => line.replace(/ pref medium| metric 1024| dev lo/g, '').trim())
    .filter(Boolean)
    .sort();

test('from nothing to the desired routes, and on to the next ones', (t) => {
  const host = makeHost(t);
  const table = new RouteTable(host.netlink);
  const blocks = [block('10.0.0.0/26', 'a'), block('10.0.0.64/26', 'b'), block('fd00::/122', 'a'), block('fd00::40/122', 'b')];
  t.deepEqual(table.apply(routesOf({ self: 'a', hosts: [a, b], blocks })).failed, []);
  t.deepEqual(ours(host), [
    '10.0.0.64/26 via 192.0.2.2 dev uplink',
    'blackhole 10.0.0.0/26 metric 65535',
    'blackhole fd00::/122 metric 65535',
    'fd00::40/122 via 2001:db8::2 dev uplink',
  ]);

  // One block gone, one new, one that changed hands both ways, and a host that moved.
  const moved = hostObject('b', '192.0.2.22', '2001:db8::22');
  const next = [block('10.0.0.0/26', 'b'), block('10.0.0.128/26', 'a'), block('10.0.0.64/26', 'b'), block('fd00::40/122', 'b')];
  t.deepEqual(table.apply(routesOf({ self: 'a', hosts: [a, moved], blocks: next })).failed, []);
  const expected = [
    '10.0.0.0/26 via 192.0.2.22 dev uplink',
    '10.0.0.64/26 via 192.0.2.22 dev uplink',
    'blackhole 10.0.0.128/26 metric 65535',
    'fd00::40/122 via 2001:db8::22 dev uplink',
  ];
  t.deepEqual(ours(host), expected);

  // A process that starts anew finds nothing to do.
  const again = new RouteTable(host.netlink);
  t.deepEqual(again.apply(routesOf({ self: 'a', hosts: [a, moved], blocks: next })).failed, []);
  t.deepEqual(ours(host), expected);
  t.deepEqual(again.apply(new Map()).failed, []);
  t.deepEqual(ours(host), []);
});

test("foreign routes and containers' own routes are untouched, also where a block is a single address", (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  host.ip('route add 10.9.0.0/16 via 192.0.2.9');
  host.ip('route add blackhole 10.8.0.0/16 proto static');
  host.ip('-6 route add fd99::/64 via 2001:db8::9');
  host.ip('route add 10.7.0.0/16 via 192.0.2.9 proto 121 table 77');
  host.run(() => attach({ namespace: container.path, interfaceName: 'eth0', hostInterface: 'weir0', addresses: ['10.0.0.1', 'fd00::1'] }));
  const everything = () => host.ip('route show table all') + host.ip('-6 route show table all');
  const before = everything();
  const table = new RouteTable(host.netlink);
  table.apply(routesOf({ self: 'a', hosts: [a], blocks: [block('10.0.0.1/32', 'a'), block('fd00::1/128', 'a')] }));
  t.true(ours(host).includes('blackhole 10.0.0.1 metric 65535'));
  host.execute('ping', '-n', '-c', '1', '-W', '1', '10.0.0.1');
  host.execute('ping', '-n', '-c', '1', '-W', '1', 'fd00::1');
  table.apply(new Map());
  t.is(everything(), before);
});

test('a route by a link alone, as to virtual addresses, is made, found there by the next process, and removed', (t) => {
  const host = makeHost(t);
  const link = host.netlink.indexOf('uplink');
  const range = (destination: string): [string, BlockRoute] => [
    destination,
    { destination, type: 'unicast', link, protocol: 121, metric: 65535 },
  ];
  const desired = new Map([range('11.0.0.0/8'), range('fd01:c::/64')]);
  t.deepEqual(new RouteTable(host.netlink).apply(desired).failed, []);
  t.deepEqual(ours(host), ['11.0.0.0/8 dev uplink scope link metric 65535', 'fd01:c::/64 dev uplink metric 65535']);
  const next = new RouteTable(host.netlink);
  t.deepEqual(next.apply(desired), { failed: [], done: [] });
  next.apply(new Map());
  t.deepEqual(ours(host), []);
});

test("a destination that someone else's route has is left to it, and reported", (t) => {
  const host = makeHost(t);
  host.ip('route add 10.0.0.64/26 via 192.0.2.9');
  host.ip('-6 route add fd00::40/122 via 2001:db8::9');
  const table = new RouteTable(host.netlink);
  const desired = routesOf({
    self: 'a',
    hosts: [b],
    blocks: [block('10.0.0.64/26', 'b'), block('fd00::40/122', 'b'), block('10.0.0.128/26', 'b')],
  });
  t.deepEqual(
    table.apply(desired).failed.map(({ destination }) => destination),
    ['10.0.0.64/26', 'fd00::40/122'],
  );
  for (const { reason } of table.failed) t.regex(reason, /a route that is not Weir's has this destination/);
  t.deepEqual(ours(host), ['10.0.0.128/26 via 192.0.2.2 dev uplink']);
  t.regex(host.ip('route show 10.0.0.64/26'), /via 192\.0\.2\.9/);
  host.ip('route del 10.0.0.64/26');
  host.ip('-6 route del fd00::40/122');
  t.deepEqual(table.apply(desired).failed, []);
  t.is(ours(host).length, 3);
});

test('a next hop that is on no link, and a host without an address of the family, do not hold up the rest; both are tried again', (t) => {
  const host = makeHost(t);
  const table = new RouteTable(host.netlink);
  const far = hostObject('far', '203.0.113.1');
  const blocks = [block('10.0.0.64/26', 'far'), block('10.0.0.128/26', 'b'), block('fd00::80/122', 'c'), block('10.0.0.192/26', 'c')];
  const desired = routesOf({ self: 'a', hosts: [b, c, far], blocks });
  const failures = table.apply(desired).failed;
  t.deepEqual(
    failures.map(({ destination }) => destination),
    ['10.0.0.64/26', 'fd00::80/122'],
  );
  t.regex(failures[0]!.reason, /next hop is on none of this host's links .*10\.0\.0\.64\/26 via 203\.0\.113\.1/);
  t.is(failures[1]!.reason, 'host "c" has no IPv6 address');
  t.deepEqual(ours(host), ['10.0.0.128/26 via 192.0.2.2 dev uplink', '10.0.0.192/26 via 192.0.2.3 dev uplink', 'unreachable fd00::80/122']);

  host.ip('address add 203.0.113.9/24 dev uplink');
  t.deepEqual(
    table.apply(desired).failed.map(({ destination }) => destination),
    ['fd00::80/122'],
  );
  t.true(ours(host).includes('10.0.0.64/26 via 203.0.113.1 dev uplink'));
  t.deepEqual(table.apply(routesOf({ self: 'a', hosts: [b, hostObject('c', '192.0.2.3', '2001:db8::3'), far], blocks })).failed, []);
  t.true(ours(host).includes('fd00::80/122 via 2001:db8::3 dev uplink'));
  t.false(ours(host).some((route) => route.startsWith('unreachable')));
});

test('what others took away or added under our number is mended after a sync', (t) => {
  const host = makeHost(t);
  const table = new RouteTable(host.netlink);
  const desired: Map<string, BlockRoute> = routesOf({
    self: 'a',
    hosts: [b],
    blocks: [block('10.0.0.64/26', 'b'), block('10.0.0.0/26', 'a')],
  });
  table.apply(desired);
  const right = ours(host);
  host.ip('route del 10.0.0.64/26');
  host.ip('route del blackhole 10.0.0.0/26 metric 65535');
  host.ip('route add prohibit 10.0.0.0/26 metric 65535 proto 121');
  host.ip('route add 10.5.0.0/26 via 192.0.2.5 proto 121');
  table.forgetActual();
  t.deepEqual(table.apply(desired).failed, []);
  t.deepEqual(ours(host), right);
  t.deepEqual(table.apply(desired).failed, [], 'a removal of what is gone already is no failure');
  host.ip('route del 10.0.0.64/26');
  t.deepEqual(table.apply(new Map()).failed, []);
  t.deepEqual(ours(host), []);
});

test('a route that another process of ours made is taken over', (t) => {
  const host = makeHost(t);
  const [first, second] = [new RouteTable(host.netlink), new RouteTable(host.netlink)];
  for (const table of [first, second]) table.apply(new Map());
  first.apply(routesOf({ self: 'a', hosts: [b], blocks: [block('10.0.0.64/26', 'b')] }));
  t.deepEqual(
    second.apply(routesOf({ self: 'a', hosts: [hostObject('b', '192.0.2.22')], blocks: [block('10.0.0.64/26', 'b')] })).failed,
    [],
  );
  t.deepEqual(ours(host), ['10.0.0.64/26 via 192.0.2.22 dev uplink']);
});

test('a route that cannot be changed as it should goes, rather than lead where it did', (t) => {
  const host = makeHost(t);
  const table = new RouteTable(host.netlink);
  const far = hostObject('b', '203.0.113.1', '2001:db8:9::1');
  const blocks = [block('10.0.0.64/26', 'b'), block('fd00::40/122', 'b')];
  t.deepEqual(table.apply(routesOf({ self: 'a', hosts: [b], blocks })).failed, []);
  t.is(ours(host).length, 2);
  t.is(table.apply(routesOf({ self: 'a', hosts: [far], blocks })).failed.length, 2);
  t.deepEqual(ours(host), []);
});

test('a thousand hosts are as many messages, a change of one is one, and nothing is none', async (t) => {
  const host = makeHost(t);
  const table = new RouteTable(host.netlink);
  const address = (index: number) => `192.0.2.${2 + (index % 250)}`;
  const hosts = Array.from({ length: 1000 }, (_, index) => hostObject(`h${index}`, address(index)));
  const blocks = hosts.map(({ metadata }, index) => block(`10.${index >> 8}.${index & 255}.0/26`, metadata.name));
  const changes = host.netlink.monitor(['route']);
  t.is(table.apply(routesOf({ self: 'a', hosts, blocks })).done.length, 1000);
  for (let told = 0; told < 1000; told++) await changes.next();
  hosts[7] = hostObject('h7', '192.0.2.254');
  t.is(table.apply(routesOf({ self: 'a', hosts, blocks })).done.length, 1);
  t.deepEqual(table.apply(routesOf({ self: 'a', hosts, blocks })).done, []);
  host.ip('route add 10.99.0.0/16 via 192.0.2.9');
  const told = [(await changes.next()).value, (await changes.next()).value];
  t.deepEqual(
    told.map((change) => change?.type === 'route' && change.route.destination),
    ['10.0.7.0/26', '10.99.0.0/16'],
  );
  changes.close();
});
