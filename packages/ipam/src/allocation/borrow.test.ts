/** Who has to borrow reads what it needs of the blocks of others, not all of them: in a large cluster these are megabytes. */
import type { ListOptions } from '@weir/datastore';
import test from 'ava';
import { BLOCK_PREFIX } from '../block.ts';
import { AFFINITY_PREFIX, affinityKey } from '../guard.ts';
import { Allocator, admitPool } from '../index.ts';
import { FakeStore } from '../testing/fake-store.ts';
import { configure, pool, request } from '../testing/objects.ts';

/** Tells of the lists that bring the contents of all blocks. */
class WatchedStore extends FakeStore {
  fullLists = 0;

  override async list(prefix: string, options: ListOptions = {}) {
    if (prefix === BLOCK_PREFIX && !options.keysOnly) this.fullLists++;
    return super.list(prefix, options);
  }
}

/** A pool of four blocks of four, all of which `lender` has: one is full, three have three left each. */
async function setUp() {
  const store = new WatchedStore();
  await configure(store, { cooldownSeconds: 0 });
  await admitPool(store, pool('p', '10.0.0.0/28', { blockSize: 30 }));
  const lender = new Allocator({ store, host: 'lender' });
  for (let index = 0; index < 16; index++) await lender.allocate(request(`l${index}`));
  for (const index of [5, 6, 7, 9, 10, 11, 13, 14, 15]) await lender.release(request(`l${index}`));
  const borrower = new Allocator({ store, host: 'borrower' });
  await borrower.release(request('none')); // what it holds is known
  store.fullLists = 0;
  return { store, lender, borrower, borrow: async (id: string) => (await borrower.allocate(request(id)))[0]!.address };
}

test('an address is borrowed from a block that its host says has room, without reading the others', async (t) => {
  const { store, borrow } = await setUp();
  const addresses = [];
  for (let index = 0; index < 6; index++) addresses.push(await borrow(`b${index}`));
  t.deepEqual(addresses.sort(), ['10.0.0.10', '10.0.0.11', '10.0.0.13', '10.0.0.14', '10.0.0.15', '10.0.0.9']);
  t.is(store.fullLists, 0);
});

test('room that no host tells of is found before anyone is turned away', async (t) => {
  const { store, borrow } = await setUp();
  await store.transact({ when: [], then: [{ put: affinityKey('lender'), value: 'what is this' }] });
  const addresses = new Set<string>();
  for (let index = 0; index < 9; index++) addresses.add(await borrow(`b${index}`));
  t.is(addresses.size, 9);
  await t.throwsAsync(borrow('b9'), { code: 'EEXHAUSTED', message: /16 of 16 used/ });
});

test('what a host says it has, and has no more, misleads nobody', async (t) => {
  const { store, lender, borrow } = await setUp();
  const before = (await store.get(affinityKey('lender')))!.value;
  for (let index = 20; index < 28; index++) await lender.allocate(request(`l${index}`));
  await store.transact({ when: [], then: [{ put: affinityKey('lender'), value: before }] });
  await borrow('b1');
  await t.throwsAsync(borrow('b2'), { code: 'EEXHAUSTED' });
});

test('a host that is asked for an address of a block of another reads that block alone', async (t) => {
  const { store, borrower } = await setUp();
  const [asked] = await borrower.allocate({ ...request('b1'), addresses: ['10.0.0.6'] });
  t.is(asked!.address, '10.0.0.6');
  await t.throwsAsync(borrower.allocate({ ...request('b2'), addresses: ['10.0.0.1'] }), {
    code: 'ETAKEN',
    message: /container l1 on host lender/,
  });
  t.is(store.fullLists, 0);
});

test('what a host says it has room in follows what it gives', async (t) => {
  const { store, lender } = await setUp();
  const said = async () => JSON.parse((await store.list(AFFINITY_PREFIX)).entries.find(({ key }) => key === affinityKey('lender'))!.value);
  t.deepEqual(await said(), { lendable: { p: ['10.0.0.8-30', '10.0.0.12-30'] } });
  for (let index = 20; index < 29; index++) await lender.allocate(request(`l${index}`));
  t.deepEqual(await said(), { lendable: {} });
});
