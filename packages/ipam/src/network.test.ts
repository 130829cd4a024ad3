/** Networks with their own address space: who may have which addresses, and what may be changed of them. */
import type { Network } from '@weir/resources';
import { parseObject } from '@weir/resources';
import test from 'ava';
import { admitPool, removePool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { admitNetwork, removeNetwork } from './network.ts';
import { FakeStore } from './testing/fake-store.ts';
import { claim, ownNetwork, pool, request } from './testing/objects.ts';

const CIDR = '10.0.0.0/29';

const network = (name: string, addressSpace: 'Shared' | 'Own'): Network =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Network', metadata: { name }, spec: { addressSpace } }) as Network;

/** Two networks of their own and the shared space, all with the same addresses. */
async function spaces() {
  const store = new FakeStore();
  await admitPool(store, pool('shared', CIDR, { blockSize: 31 }));
  for (const name of ['red', 'blue']) {
    await ownNetwork(store, name);
    await admitPool(store, pool(name, CIDR, { blockSize: 31, network: name }));
  }
  const allocator = new Allocator({ store, host: 'a' });
  const give = async (container: string, space?: string, asked: object = {}): Promise<string> => {
    const where = space === undefined ? {} : { network: space, space };
    return (await allocator.allocate({ ...request(container), ...where, ...asked })).map(({ address }) => address).join();
  };
  return { store, allocator, give };
}

test('each network gives the same addresses, to the last, and knows nothing of the others', async (t) => {
  const { store, allocator, give } = await spaces();
  for (const space of [undefined, 'red', 'blue']) {
    const given = [];
    for (let count = 0; count < 8; count++) given.push(await give(`${space}${count}`, space));
    t.is(new Set(given).size, 8, space);
    await t.throwsAsync(give(`${space}-more`, space), {
      code: 'EEXHAUSTED',
      message: new RegExp(`pool "${space ?? 'shared'}" .* is full: 8 of 8`),
    });
  }
  const freed = await allocator.release(request('red3'));
  t.deepEqual([await give('red-again', 'red')], freed);
  t.is((await store.list('/weir/v1/Block/red_')).entries.length, 4);
  t.is((await new Allocator({ store, host: 'a' }).held()).filter(({ space }) => space === 'blue').length, 8);
});

test('an address is asked for within the network, and borrowed within it', async (t) => {
  const { store, give } = await spaces();
  t.is(await give('s', undefined, { addresses: ['10.0.0.5'] }), '10.0.0.5');
  t.is(await give('r', 'red', { addresses: ['10.0.0.5'] }), '10.0.0.5');
  await t.throwsAsync(give('r2', 'red', { addresses: ['10.0.0.5'] }), { code: 'ETAKEN', message: /eth0 of container r on host a has/ });
  const other = new Allocator({ store, host: 'b' });
  const borrowed = await other.allocate({ ...request('b1'), network: 'red', space: 'red', addresses: ['10.0.0.4'] });
  t.is(borrowed[0]!.address, '10.0.0.4');
  await t.throwsAsync(give('b2', 'red', { pools: ['blue'] }), { code: 'ENOPOOL', message: /there is no pool "blue"; the pools are: red/ });
});

test('who takes a network for one of the other kind gets no address, however old what it knew', async (t) => {
  const { store, allocator, give } = await spaces();
  await t.throwsAsync(give('c1', undefined, { network: 'red' }), { code: 'ESPACE', message: /network "red" has its own address space/ });
  await t.throwsAsync(give('c1', 'green'), { code: 'ESPACE', message: /network "green" has the shared address space/ });
  await give('c1', undefined, { network: 'late' });
  await ownNetwork(store, 'late');
  await t.throwsAsync(give('c2', undefined, { network: 'late' }), { code: 'ESPACE' });
  await admitPool(store, pool('late', CIDR, { blockSize: 31, network: 'late' }));
  await t.throwsAsync(give('c1', 'late'), { code: 'ESPACE', message: /holds addresses of another address space/ });
  await allocator.release(request('c1'));
  t.is(await give('c1', 'late'), '10.0.0.0');
});

test('a claim is of one address space, while it holds anything', async (t) => {
  const { store, allocator, give } = await spaces();
  await claim(store, 'db');
  const address = await give('c1', 'red', { claim: 'shop/db' });
  await allocator.release(request('c1'));
  await t.throwsAsync(give('c2', 'blue', { claim: 'shop/db' }), {
    code: 'EREFUSED',
    message: /holds addresses of the address space of network "red"/,
  });
  await t.throwsAsync(give('c2', undefined, { claim: 'shop/db' }), { code: 'EREFUSED' });
  t.is(await give('c3', 'red', { claim: 'shop/db' }), address);
});

test('pools overlap within a network alone; which one they are of stands while blocks are cut', async (t) => {
  const { store, give } = await spaces();
  await t.throwsAsync(admitPool(store, pool('wide', '10.0.0.0/16', { network: 'red' })), {
    code: 'EOVERLAP',
    message: /overlaps pool "red"/,
  });
  await t.throwsAsync(admitPool(store, pool('x', '10.1.0.0/16', { network: 'green' })), {
    code: 'EINVAL',
    message: /"green", which there is not/,
  });
  await admitNetwork(store, network('green', 'Shared'), { revision: 0 });
  await t.throwsAsync(admitPool(store, pool('x', '10.1.0.0/16', { network: 'green' })), {
    code: 'EINVAL',
    message: /which has the shared/,
  });
  await give('c1', 'red');
  await t.throwsAsync(admitPool(store, pool('red', CIDR, { blockSize: 31 })), { code: 'EOVERLAP' });
  await removePool(store, 'shared');
  await t.throwsAsync(admitPool(store, pool('red', CIDR, { blockSize: 31 })), {
    code: 'EINUSE',
    message: /spec\.network from red to none/,
  });
  await t.throwsAsync(removePool(store, 'red'), { code: 'EINUSE' });
});

test('a network keeps its address space while pools name it', async (t) => {
  const { store } = await spaces();
  const { revision } = (await store.get('/weir/v1/Network/red'))!;
  await t.throwsAsync(admitNetwork(store, network('red', 'Shared'), { revision }), { code: 'EINUSE', message: /in use by pool "red"/ });
  await t.throwsAsync(removeNetwork(store, 'red'), { code: 'EINUSE' });
  await t.throwsAsync(admitNetwork(store, network('red', 'Own'), { revision: 0 }), { code: 'ECONFLICT' });
  await removePool(store, 'red');
  t.true(await removeNetwork(store, 'red'));
  t.false(await removeNetwork(store, 'red'));
});

test('a network is not given away under a pool that comes at the same time', async (t) => {
  const store = new FakeStore();
  await ownNetwork(store, 'red');
  store.interfere = async () => {
    store.interfere = async () => {};
    await removeNetwork(store, 'red');
  };
  await t.throwsAsync(admitPool(store, pool('p', CIDR, { blockSize: 31, network: 'red' })), { code: 'EINVAL' });
});
