/** Pools of a flannel network: a host gives addresses of its own lease, and of nothing else. */
import { type Pool, parseObject, serialize } from '@weir/resources';
import test from 'ava';
import { admitPool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { FakeStore } from './testing/fake-store.ts';
import { hostKey } from './view.ts';

const pool = (spec: object): Pool =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Pool', metadata: { name: 'flannel' }, spec: { routes: 'Flannel', ...spec } }) as Pool;

const request = (containerId: string) => ({ containerId, interfaceName: 'eth0', network: 'weir' });

async function lease(store: FakeStore, host: string, subnets: string[], containers = 'Weir'): Promise<void> {
  const object = {
    apiVersion: 'weir/v1',
    kind: 'Host',
    metadata: { name: host },
    spec: { addresses: [], flannel: { subnets, containers } },
  };
  await store.transact({ when: [], then: [{ put: hostKey(host), value: serialize(parseObject(object)) }] });
}

async function fill(allocator: Allocator, count: number): Promise<string[]> {
  const assigned = await Promise.all(Array.from({ length: count }, (_, index) => allocator.allocate(request(`c${index}`))));
  return assigned.flat().map(({ address }) => address);
}

test('all of the lease is given but for what flannel has of it, and nothing beyond, whatever other hosts have left', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool({ cidr: '10.5.0.0/16', blockSize: 28 }));
  await lease(store, 'a', ['10.5.52.0/26']);
  await lease(store, 'b', ['10.5.53.0/26']);
  const [a, b] = ['a', 'b'].map((host) => new Allocator({ store, host, ahead: true })) as [Allocator, Allocator];
  t.deepEqual(
    (await b.allocate(request('b1'))).map(({ address }) => address),
    ['10.5.53.2'],
  );
  const given = await fill(a, 61);
  const last = (address: string) => Number(address.slice('10.5.52.'.length));
  t.deepEqual(
    given.map(last).sort((one, other) => one - other),
    Array.from({ length: 61 }, (_, index) => index + 2),
  );
  await t.throwsAsync(a.allocate(request('more')), {
    code: 'EEXHAUSTED',
    message: /full for this host, which has 10\.5\.52\.0\/26 of flannel/,
  });
  for (const [address, message] of [
    ['10.5.53.9', /flannel has given host a 10\.5\.52\.0\/26 alone/],
    ['10.5.52.1', /which is the gateway/],
  ] as const)
    await t.throwsAsync(a.allocate({ ...request('asks'), addresses: [address] }), { code: 'EREFUSED', message });
});

test('without a lease, or with one whose addresses the flannel plugin gives, nothing is given; with another one, only of that', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool({ cidr: '10.5.0.0/16' }));
  const allocator = new Allocator({ store, host: 'a' });
  const none = { code: 'EEXHAUSTED', message: /pool "flannel" \(10\.5\.0\.0\/16\) is flannel's, of which host a has no lease/ };
  await t.throwsAsync(allocator.allocate(request('c1')), none);
  await lease(store, 'a', ['10.5.7.0/24']);
  t.is((await allocator.allocate(request('c1')))[0]!.address, '10.5.7.2');
  await lease(store, 'a', ['10.5.9.0/24']);
  t.is((await allocator.allocate(request('c2')))[0]!.address, '10.5.9.2');
  await lease(store, 'a', ['10.5.9.0/24'], 'FlannelPlugin');
  await t.throwsAsync(allocator.allocate(request('c3')), none);
  // What was given stays its container's.
  t.is((await allocator.allocate(request('c1')))[0]!.address, '10.5.7.2');
});

test('both families, each of its own lease', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool({ cidr: '10.5.0.0/16' }));
  await admitPool(store, { ...pool({ cidr: 'fc00::/48' }), metadata: { name: 'flannel6', labels: {}, annotations: {} } });
  await lease(store, 'a', ['10.5.7.0/24', 'fc00:0:0:7::/64']);
  const assigned = await new Allocator({ store, host: 'a' }).allocate(request('c1'));
  t.deepEqual(
    assigned.map(({ address, block }) => [address, block]),
    [
      ['10.5.7.2', '10.5.7.0/26'],
      ['fc00:0:0:7::2', 'fc00:0:0:7::/122'],
    ],
  );
});

test('a pool with blocks does not become flannel’s, nor cease to be', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool({ cidr: '10.5.0.0/16', routes: 'Blocks' }));
  await admitPool(store, pool({ cidr: '10.5.0.0/16' }));
  await lease(store, 'a', ['10.5.7.0/24']);
  await new Allocator({ store, host: 'a' }).allocate(request('c1'));
  await t.throwsAsync(admitPool(store, pool({ cidr: '10.5.0.0/16', routes: 'Blocks' })), {
    code: 'EINUSE',
    message: /cannot change spec\.routes from Flannel to Blocks/,
  });
});
