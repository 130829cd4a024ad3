import test from 'ava';
import { runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { Netlink } from './netlink.ts';
import { addRoute, deleteRoute, replaceRoute } from './route.ts';
import type { RouteInput } from './route-operations.ts';

function open(t: Parameters<typeof temporaryNamespace>[0]): { netlink: Netlink; ip: (...args: string[]) => string } {
  const namespace = temporaryNamespace(t);
  const netlink = Netlink.open({ namespace });
  t.teardown(() => netlink.close());
  netlink.setLink('lo', { up: true });
  netlink.addVeth({ name: 'eth0', up: true, peer: { name: 'eth1' } });
  netlink.setLink('eth1', { up: true });
  netlink.addAddress('eth0', '192.0.2.1/24');
  netlink.addAddress('eth0', '2001:db8::1/64', { noDad: true });
  return { netlink, ip: (...args) => runWithin(namespace, 'ip', ...args) };
}

/** What `ip route` says of the routes with protocol 121, a line each, without trailing blanks. */
const shown = (ip: (...args: string[]) => string, version: '-4' | '-6', ...more: string[]): string[] =>
  ip(version, 'route', 'show', 'proto', '121', ...more)
    .split('\n')
    .map((line) => line.trim().replace(/ +/g, ' '));

test('requests are named as an operator would type them', (t) => {
  t.is(
    addRoute({ destination: '10.1.0.0/26', via: '192.0.2.2', link: 3, onLink: true, protocol: 121 }).operation,
    'ip route add 10.1.0.0/26 via 192.0.2.2 dev 3 onlink proto 121',
  );
  t.is(
    replaceRoute({ destination: 'fd00::/122', type: 'blackhole', table: 1000, metric: 5 }).operation,
    'ip route replace blackhole fd00::/122 table 1000 metric 5',
  );
  t.is(deleteRoute({ destination: '0.0.0.0/0' }).operation, 'ip route delete 0.0.0.0/0');
  t.is(
    addRoute({
      destination: '::/0',
      nextHops: [
        { via: 'fe80::1', link: 3 },
        { via: 'fe80::2', link: 4, weight: 2 },
      ],
    }).operation,
    'ip route add ::/0 nexthop via fe80::1 dev 3 weight 1 nexthop via fe80::2 dev 4 weight 2',
  );
});

test('iproute2 sees what was asked for', (t) => {
  const { netlink, ip } = open(t);
  const protocol = 121;
  netlink.batch((batch) => {
    batch.addRoute({ destination: '10.0.0.2/32', link: 'eth0', protocol });
    batch.addRoute({ destination: '10.1.0.0/26', via: '192.0.2.2', protocol });
    batch.addRoute({
      destination: '10.2.0.0/26',
      via: '198.51.100.1',
      link: 'eth0',
      onLink: true,
      protocol,
      source: '192.0.2.1',
      metric: 7,
    });
    batch.addRoute({ destination: '10.3.0.0/26', type: 'blackhole', protocol });
    batch.addRoute({ destination: '10.4.0.0/26', via: 'fe80::1', link: 'eth0', protocol });
    batch.addRoute({ destination: '10.5.0.0/26', protocol, nextHops: [{ via: '192.0.2.2' }, { via: '192.0.2.3', weight: 2 }] });
    batch.addRoute({ destination: 'fd00::2/128', link: 'eth0', protocol });
    batch.addRoute({ destination: 'fd00:1::/122', via: '2001:db8::2', protocol });
    batch.addRoute({ destination: 'fd00:3::/122', type: 'unreachable', protocol });
    batch.addRoute({ destination: 'fd00:5::/122', protocol, nextHops: [{ via: '2001:db8::2' }, { via: '2001:db8::3' }] });
    batch.addRoute({ destination: '10.6.0.0/26', via: '192.0.2.2', protocol, table: 1000 });
  });
  t.deepEqual(shown(ip, '-4'), [
    '10.0.0.2 dev eth0 scope link',
    '10.1.0.0/26 via 192.0.2.2 dev eth0',
    '10.2.0.0/26 via 198.51.100.1 dev eth0 src 192.0.2.1 metric 7 onlink',
    'blackhole 10.3.0.0/26',
    '10.4.0.0/26 via inet6 fe80::1 dev eth0',
    '10.5.0.0/26',
    'nexthop via 192.0.2.2 dev eth0 weight 1',
    'nexthop via 192.0.2.3 dev eth0 weight 2',
  ]);
  t.deepEqual(
    shown(ip, '-6'),
    [
      'fd00::2 dev eth0 metric 1024 pref medium',
      'fd00:1::/122 via 2001:db8::2 dev eth0 metric 1024 pref medium',
      'unreachable fd00:3::/122 dev lo metric 1024 pref medium',
      'fd00:5::/122 metric 1024 pref medium',
      'nexthop via 2001:db8::2 dev eth0 weight 1',
      'nexthop via 2001:db8::3 dev eth0 weight 1',
    ].map((line) => line.replace(' pref medium', line.startsWith('nexthop') ? '' : ' pref medium')),
  );
  t.deepEqual(shown(ip, '-4', 'table', '1000'), ['10.6.0.0/26 via 192.0.2.2 dev eth0']);
});

test('a route written and read back is equal', (t) => {
  const { netlink } = open(t);
  const link = netlink.indexOf('eth0');
  const routes: RouteInput[] = [
    { destination: '10.0.0.2/32', link, protocol: 121 },
    { destination: '10.2.0.0/26', via: '198.51.100.1', link, onLink: true, protocol: 121, metric: 7, source: '192.0.2.1' },
    { destination: '10.3.0.0/26', type: 'blackhole', protocol: 121, table: 300 },
    { destination: '10.4.0.0/26', via: 'fe80::1', link, protocol: 121 },
    {
      destination: '10.5.0.0/26',
      protocol: 121,
      nextHops: [
        { via: '192.0.2.2', link },
        { via: '192.0.2.3', link, weight: 2 },
      ],
    },
    { destination: 'fd00::2/128', link, protocol: 121 },
    { destination: 'fd00:2::/122', via: 'fe80::1', link, protocol: 121, metric: 7, onLink: true },
    { destination: 'fd00:3::/122', type: 'blackhole', protocol: 121 },
    { destination: '::/0', via: '2001:db8::2', link, protocol: 121 },
  ];
  netlink.batch((batch) => {
    for (const route of routes) batch.addRoute(route);
  });
  const byDestination = (a: { destination: string }, b: { destination: string }): number => (a.destination < b.destination ? -1 : 1);
  t.deepEqual((netlink.routes({ protocol: 121 }) as RouteInput[]).sort(byDestination), routes.sort(byDestination));
  netlink.batch((batch) => {
    for (const route of netlink.routes({ protocol: 121 })) batch.deleteRoute(route);
  });
  t.deepEqual(netlink.routes({ protocol: 121 }), []);
});

test('routes are filtered by table, protocol, type, link and version', (t) => {
  const { netlink } = open(t);
  netlink.addRoute({ destination: '10.0.0.0/24', link: 'eth0', table: 500 });
  netlink.addRoute({ destination: 'fd00::/64', link: 'eth1', table: 500 });
  netlink.addRoute({ destination: '10.9.0.0/24', type: 'blackhole', protocol: 121 });
  const found = (filter: Parameters<Netlink['routes']>[0]): string[] => netlink.routes(filter).map(({ destination }) => destination);
  t.deepEqual(found({ table: 500 }), ['10.0.0.0/24', 'fd00::/64']);
  t.deepEqual(found({ table: 500, version: 6 }), ['fd00::/64']);
  t.deepEqual(found({ table: 500, link: 'eth0' }), ['10.0.0.0/24']);
  t.deepEqual(found({ type: 'blackhole' }), ['10.9.0.0/24']);
  t.deepEqual(found({ protocol: 121, table: 254 }), ['10.9.0.0/24']);
  t.deepEqual(found({ table: 501 }), [], 'a table that nobody made is empty');
});

test('replace takes the place of a route, add refuses to', (t) => {
  const { netlink } = open(t);
  for (const [destination, first, second] of [
    ['10.0.0.0/24', '192.0.2.2', '192.0.2.3'],
    ['fd00::/64', '2001:db8::2', '2001:db8::3'],
  ] as const) {
    netlink.addRoute({ destination, via: first, protocol: 121 });
    t.like(
      t.throws(() => netlink.addRoute({ destination, via: second, protocol: 121 })),
      { code: 'EEXIST', operation: `ip route add ${destination} via ${second} proto 121` },
    );
    netlink.replaceRoute({ destination, via: second, protocol: 121 });
    t.deepEqual(
      netlink.routes({ protocol: 121 }).map(({ via }) => via),
      [second],
    );
    netlink.deleteRoute({ destination });
    t.like(
      t.throws(() => netlink.deleteRoute({ destination })),
      { code: 'ESRCH' },
    );
  }
});

test('the kernel says why it refuses', (t) => {
  const { netlink } = open(t);
  t.like(
    t.throws(() => netlink.addRoute({ destination: '10.0.0.0/24', via: '198.51.100.1' })),
    { code: 'ENETUNREACH', extendedAck: 'Nexthop has invalid gateway' },
  );
  t.throws(() => netlink.addRoute({ destination: '10.0.0.0/33' }), { instanceOf: TypeError });
});
