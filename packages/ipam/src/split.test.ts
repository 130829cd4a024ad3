import { type Pool, parseObject } from '@weir/resources';
import test from 'ava';
import { admitPool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { audit } from './audit/audit.ts';
import { repair } from './audit/repair.ts';
import { readInventory } from './inventory.ts';
import { partsOfPool, shrinkBlocks, splitBlock, splitPool } from './split.ts';
import { FakeStore } from './testing/fake-store.ts';
import { configure, pool, request } from './testing/objects.ts';
import { usage } from './usage.ts';

const address = async (allocator: Allocator, id: string, more: object = {}): Promise<string> =>
  (await allocator.allocate({ ...request(id), ...more }))[0]!.address;

test('the parts: the first keeps the name, nothing else changes', (t) => {
  const main = pool('main', '10.0.0.0/24', { blockSize: 26, natOutgoing: true });
  const parts = partsOfPool(main, 4);
  t.deepEqual(
    parts.map(({ metadata, spec }) => `${metadata.name} ${spec.cidr} ${spec.natOutgoing}`),
    ['main 10.0.0.0/26 true', 'main-2 10.0.0.64/26 true', 'main-3 10.0.0.128/26 true', 'main-4 10.0.0.192/26 true'],
  );
  t.throws(() => partsOfPool(main, 8), { code: 'EINVAL', message: /smaller than a block/ });
  t.throws(() => partsOfPool(main, 3), { code: 'EINVAL', message: /expected 2, 4, 8/ });
  t.deepEqual(
    partsOfPool(pool('six', 'fd00::/64'), 2).map(({ spec }) => spec.cidr),
    ['fd00::/65', 'fd00::8000:0:0:0/65'],
  );
});

test('a pool is split under an allocator that runs: who has an address keeps it, and blocks stay in use', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('main', '10.0.0.0/28', { blockSize: 30 }));
  const [a, b, c] = ['a', 'b', 'c'].map((host) => new Allocator({ store, host })) as [Allocator, Allocator, Allocator];
  for (const [index, one] of [a, b, c].entries()) await address(one, `c${index}`);
  await splitPool(store, 'main', 2);
  const found = await usage(store);
  t.deepEqual(
    found.map((one) => [one.pool, one.cidr, one.used, one.blocks.length]),
    [
      ['main', '10.0.0.0/29', 2, 2],
      ['main-2', '10.0.0.8/29', 1, 1],
    ],
  );
  t.is(await address(c, 'c2'), '10.0.0.8', 'the same answer to the same owner');
  t.is(await address(c, 'next', { pools: ['main-2'] }), '10.0.0.9', 'of the block that it has');
  await t.throwsAsync(splitPool(store, 'other', 2), { code: 'ENOPOOL' });
});

test('a split that is cut short is found and finished', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('main', '10.0.0.0/28', { blockSize: 30 }));
  for (const host of ['a', 'b', 'c', 'd']) await address(new Allocator({ store, host }), 'c1');
  let left = 2;
  store.fault = () => (left-- > 0 ? 'none' : 'lost request');
  await t.throwsAsync(splitPool(store, 'main', 2), { code: 'EUNAVAILABLE' });
  store.fault = () => 'none';
  const look = async () => audit(await readInventory(store), { now: Date.now(), graceSeconds: 60 }).findings;
  const found = await look();
  t.deepEqual(
    found.map(({ kind, subject }) => `${kind} ${subject}`),
    ['stray 10.0.0.8/30'],
  );
  for (const one of found) await repair(store, one.repair!);
  t.deepEqual(await look(), []);
});

test('a part may not have the name of another pool', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('main', '10.0.0.0/28', { blockSize: 30 }));
  await admitPool(store, pool('main-2', '10.0.1.0/28', { blockSize: 30 }));
  await t.throwsAsync(splitPool(store, 'main', 2), { code: 'EINUSE', message: /called "main-2"/ });
  t.is((await usage(store))[0]!.cidr, '10.0.0.0/28');
});

test('smaller blocks: what is held stays, what is empty is for others, and resting addresses go on resting', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('main', '10.0.0.0/27', { blockSize: 27 }));
  await configure(store, { strictAffinity: true });
  const a = new Allocator({ store, host: 'a' });
  const b = new Allocator({ store, host: 'b' });
  await address(a, 'first');
  await address(a, 'far', { addresses: ['10.0.0.30'] });
  await address(a, 'rests', { addresses: ['10.0.0.20'] });
  await a.release(request('rests'));
  await t.throwsAsync(address(b, 'c1'), { code: 'EEXHAUSTED' });
  t.deepEqual(await shrinkBlocks(store, 'main', 30), {
    split: [{ block: '10.0.0.0/27', into: ['10.0.0.0/30', '10.0.0.20/30', '10.0.0.28/30'] }],
    whole: [],
  });
  t.is(await address(b, 'c1'), '10.0.0.4');
  t.is(await address(a, 'far'), '10.0.0.30');
  t.deepEqual(await a.release(request('first')), ['10.0.0.0']);
  await t.throwsAsync(shrinkBlocks(store, 'main', 28), { code: 'EINVAL' });
});

test('a block that others have borrowed from stays whole, and of use, until they have given back', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('main', '10.0.0.0/28', { blockSize: 28 }));
  const [a, b] = ['a', 'b'].map((host) => new Allocator({ store, host })) as [Allocator, Allocator];
  await address(a, 'c1');
  const borrowed = await address(b, 'c2');
  const { split, whole } = await shrinkBlocks(store, 'main', 30);
  t.deepEqual(split, []);
  t.regex(whole[0]!.reason, /host b has borrowed 10\.0\.0\.\d+ from it/);
  t.is(await address(b, 'c2'), borrowed);
  await address(a, 'c3');
  await t.throwsAsync(splitBlock(store, '10.0.0.0/28'), { code: 'EINUSE' });
  await b.release(request('c2'));
  t.is((await splitBlock(store, '10.0.0.0/28')).split.length, 1);
  await t.throwsAsync(splitBlock(store, '10.0.0.0/30'), { code: 'EINVAL', message: /--block-size/ });
  await t.throwsAsync(splitBlock(store, '10.0.0.0/28'), { code: 'ENOPOOL' });
  t.is((parseObject(JSON.parse((await store.get('/weir/v1/Pool/main'))!.value)) as Pool).spec.blockSize, 30);
});
