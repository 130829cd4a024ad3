import test from 'ava';
import { changesRoutes, desiredRoutes } from './routes.ts';
import { block, host } from './testing/objects.ts';

test('a route to every block of another host, by its address of the family; a blackhole for own ones', (t) => {
  const routes = desiredRoutes({
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
  const routes = desiredRoutes({
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
  const routesOf = (self: string) =>
    [...desiredRoutes({ self, hosts, blocks }).values()].map(({ type, destination, via }) => `${type} ${destination} ${via}`);
  t.deepEqual(routesOf('a'), ['blackhole 10.0.0.0/26 undefined', 'unicast 10.0.0.5/32 192.0.2.2']);
  t.deepEqual(routesOf('b'), ['unicast 10.0.0.0/26 192.0.2.1']);
  t.deepEqual(routesOf('c'), ['unicast 10.0.0.0/26 192.0.2.1', 'unicast 10.0.0.5/32 192.0.2.2']);
});

test('routes change with a block, its host and what is borrowed, not with what its own host gives out', (t) => {
  const plain = block('10.0.0.0/26', 'a');
  t.true(changesRoutes(undefined, plain));
  t.true(changesRoutes(plain, undefined));
  t.true(changesRoutes(plain, block('10.0.0.0/26', 'b')));
  t.true(changesRoutes(plain, block('10.0.0.0/26', 'a', { '10.0.0.5': 'b' })));
  t.false(changesRoutes(plain, block('10.0.0.0/26', 'a', { '10.0.0.5': 'a' })));
});
