/** Who gets which address, and who gets none. */
import { type Block, type PoolSpec, presenceKey } from '@weir/resources';
import test from 'ava';
import { admitPool, removePool, removeRule } from '../admission.ts';
import { Allocator } from '../allocator.ts';
import { removeClaim } from '../claim.ts';
import type { IpamError } from '../ipam-error.ts';
import { FakeStore } from '../testing/fake-store.ts';
import { claim, configure, labelHost, pool, request, reserve } from '../testing/objects.ts';
import { usage } from '../usage.ts';
import { hostKey } from '../view.ts';

async function storeWith(...pools: ReturnType<typeof pool>[]): Promise<FakeStore> {
  const store = new FakeStore();
  for (const one of pools) await admitPool(store, one);
  return store;
}

/** A store with one pool, and hosts that share a clock, in ms. */
async function cluster(cidr: string, more: Partial<PoolSpec> = {}, { ahead = false } = {}) {
  const store = await storeWith(pool('p', cidr, more));
  const clock = { now: 1_000_000 };
  const hosts = new Map<string, Allocator>();
  const on = (host: string): Allocator => {
    const known = hosts.get(host) ?? new Allocator({ store, host, ahead, now: () => clock.now });
    hosts.set(host, known);
    return known;
  };
  const give = async (host: string, container: string, asked: object = {}): Promise<string> =>
    (await on(host).allocate({ ...request(container), ...asked })).map(({ address }) => address).join(',');
  const blocks = async (): Promise<Block[]> => (await store.list('/weir/v1/Block/')).entries.map(({ value }) => JSON.parse(value) as Block);
  return { store, clock, on, give, blocks };
}

test('a full pool: addresses are borrowed from blocks of other hosts, and go back to them', async (t) => {
  const { store, on, give, blocks } = await cluster('10.0.0.0/29', { blockSize: 30 });
  await give('a', 'a1');
  await give('b', 'b1');
  const borrowed = [await give('c', 'c1'), await give('c', 'c2'), await give('c', 'c3')];
  t.is(new Set(borrowed).size, 3);
  t.deepEqual((await on('c').held()).map(({ address }) => address).sort(), borrowed.sort());
  t.deepEqual((await blocks()).map(({ spec }) => spec.host).sort(), ['a', 'b'], 'the blocks stay where they are');
  t.deepEqual((await new Allocator({ store, host: 'c' }).held()).length, 3, 'another process of the host finds them');
  for (const container of ['c1', 'c2', 'c3']) t.is((await on('c').release(request(container))).length, 1);
  t.deepEqual(await on('c').held(), []);
  for (let count = 0; count < 6; count++) await give('a', `more${count}`);
  t.is((await usage(store))[0]!.free, 0);
  await t.throwsAsync(give('b', 'last'), { code: 'EEXHAUSTED', message: /pool "p" \(10\.0\.0\.0\/29\) is full: 8 of 8 used/ });
});

test('many hosts that borrow at once: each address once, to the last one', async (t) => {
  const { store, give } = await cluster('10.0.0.0/28', { blockSize: 30 });
  for (const host of ['a', 'b', 'c', 'd']) await give(host, 'own');
  const given = await Promise.all(Array.from({ length: 12 }, (_, index) => give(`h${index}`, 'c')));
  t.is(new Set(given).size, 12);
  t.is((await usage(store))[0]!.used, 16);
});

test('strictAffinity: nothing is borrowed, and the error says who has room', async (t) => {
  const { store, give } = await cluster('10.0.0.0/30', { blockSize: 30 });
  await configure(store, { strictAffinity: true });
  const [address] = (await give('a', 'a1')).split(',');
  t.is(address, '10.0.0.0');
  await t.throwsAsync(give('b', 'b1'), {
    code: 'EEXHAUSTED',
    message: /all its blocks are claimed, 1 of 4 used, the free ones are in blocks of a, and strictAffinity forbids to borrow them/,
  });
  await t.throwsAsync(give('b', 'b1', { addresses: ['10.0.0.2'] }), {
    code: 'EREFUSED',
    message: /of a block of host a, which strictAffinity/,
  });
  await configure(store, {});
  t.is(await give('b', 'b1'), '10.0.0.1', 'the change is noticed at once');
});

test('what is reserved is not given unasked, and asked for only where that is allowed', async (t) => {
  const { store, on, give } = await cluster('10.0.0.0/28', { blockSize: 30 });
  await reserve(store, 'machines', ['10.0.0.0/30', '10.0.0.4-10.0.0.6']);
  await reserve(store, 'chosen', ['10.0.0.9'], 'Allow');
  const given = await Promise.all(Array.from({ length: 8 }, (_, index) => give('a', `c${index}`)));
  t.deepEqual(given.sort(), ['10.0.0.10', '10.0.0.11', '10.0.0.12', '10.0.0.13', '10.0.0.14', '10.0.0.15', '10.0.0.7', '10.0.0.8']);
  await t.throwsAsync(give('a', 'c8'), { code: 'EEXHAUSTED', message: /full: 8 of 16 used, 8 reserved/ });
  await t.throwsAsync(give('a', 'c8', { addresses: ['10.0.0.5'] }), {
    code: 'EREFUSED',
    message: /which reservation "machines" keeps from containers/,
  });
  t.is(await give('a', 'c8', { addresses: ['10.0.0.9'] }), '10.0.0.9');
  const [use] = await usage(store);
  t.like(use, { used: 9, free: 0, reserved: 7, size: 16 });
  for (const { used, free, reserved, size } of use!.blocks) t.is(used + free + reserved, size);
  await removeRule(store, { kind: 'Reservation', metadata: { name: 'machines', labels: {}, annotations: {} } });
  t.is(await give('a', 'c9'), '10.0.0.4', 'at once');
  t.is((await on('a').held()).length, 10);
});

test('a reservation that cannot be read stops allocations: what it keeps is not known', async (t) => {
  const { store, give } = await cluster('10.0.0.0/28', { blockSize: 28 });
  await store.transact({ when: [], then: [{ put: '/weir/v1/Reservation/bad', value: '{"broken' }] });
  await t.throwsAsync(give('a', 'c'), { code: 'EINVAL', message: /stored reservation \/weir\/v1\/Reservation\/bad cannot be read/ });
});

test('pools for some hosts, namespaces and labels', async (t) => {
  const store = await storeWith(
    pool('public', '10.1.0.0/24', { selector: 'has(public)', namespaceSelector: 'team == "web"' }),
    pool('rack', '10.2.0.0/24', { hostSelector: 'rack == "7"' }),
    pool('rest', '10.9.0.0/24', { hostSelector: '!has(rack)' }),
  );
  const allocator = new Allocator({ store, host: 'a' });
  const endpoint = { namespace: 'shop', namespaceLabels: { team: 'web' }, labels: { public: '' } };
  const poolFor = async (container: string, asked: object = {}) => (await allocator.allocate({ ...request(container), ...asked }))[0]!.pool;
  t.is(await poolFor('c1', { endpoint }), 'public');
  t.is(await poolFor('c2', { endpoint: { ...endpoint, labels: {} } }), 'rest');
  t.is(await poolFor('c3', { endpoint: { ...endpoint, namespaceLabels: {} } }), 'rest');
  t.is(await poolFor('c4'), 'rest');
  await labelHost(store, 'a', { rack: '7' });
  t.is(await poolFor('c5'), 'rack', 'new labels of the host are noticed at once');
  t.is(await poolFor('c4'), 'rest', 'who has an address keeps it');

  const refusal = await t.throwsAsync<IpamError>(poolFor('c6', { pools: ['public', 'rest'] }), { code: 'EEXHAUSTED' });
  t.deepEqual(refusal.passedOver, [
    { pool: 'public', reason: 'for other namespaces than default (namespaceSelector: team == "web")' },
    { pool: 'rest', reason: 'for other hosts than a (hostSelector: !has(rack))' },
  ]);
  t.regex(refusal.message, /\. Change whom a pool is for, or add one$/, 'addresses that are freed would not help');
  await t.throwsAsync(poolFor('c6', { addresses: ['10.1.0.9'], endpoint: { ...endpoint, labels: {} } }), {
    code: 'EREFUSED',
    message: /of pool "public", which is for endpoints with other labels \(selector: has\(public\)\)/,
  });
});

test('an address that was given back rests, unless there is no other', async (t) => {
  const { clock, on, give } = await cluster('10.0.0.0/30', { blockSize: 31 });
  t.is(await give('a', 'c0'), '10.0.0.0');
  await on('a').release(request('c0'));
  t.is(await give('a', 'c1'), '10.0.0.1');
  clock.now += 29_999;
  t.is(await give('a', 'c2'), '10.0.0.2', 'rather a new block');
  await on('a').release(request('c1'));
  clock.now += 1;
  t.is(await give('a', 'c3'), '10.0.0.3');
  t.is(await give('a', 'c4'), '10.0.0.0', 'rested');
  t.is(await give('a', 'c5'), '10.0.0.1', 'no other is left');
});

test('a release that is late does not end what was given since', async (t) => {
  const { store, clock, on, give } = await cluster('10.0.0.0/32', { blockSize: 32 });
  await give('a', 'c');
  const [before] = await on('a').held();
  await on('a').release(request('c'));
  await give('a', 'c');
  t.deepEqual(await on('a').release(request('c'), { sequences: [before!.sequence] }), []);
  await t.throwsAsync(on('a').releaseAddress(before!), { code: 'ESTALE', message: /10\.0\.0\.0 is not held by host a as it was/ });
  const [now] = await on('a').held();
  t.is(now!.containerId, 'c');
  await on('a').releaseAddress(now!);
  t.deepEqual(await on('a').held(), []);

  // Also when the block was given back and made anew in between.
  clock.now += 120_000;
  await store.transact({ when: [], then: [{ delete: '/weir/v1/Block/10.0.0.0-32' }] });
  await give('a', 'c');
  await t.throwsAsync(on('a').releaseAddress(now!), { code: 'ESTALE' });
});

test('a claim keeps its address over restarts, also on another host', async (t) => {
  const { store, on, give, blocks } = await cluster('10.0.0.0/28', { blockSize: 30 });
  await claim(store, 'web');
  const mine = { claim: 'shop/web' };
  await give('a', 'other');
  const address = await give('a', 'web.1', mine);
  t.is(await give('a', 'web.1', mine), address, 'asked again');
  await t.throwsAsync(give('b', 'web.2', mine), {
    code: 'ETAKEN',
    message: `eth0 of container web.2 asks for ${address}, which the claim shop/web with eth0 of container web.1 on host a has`,
  });
  await on('a').release(request('web.1'));
  t.deepEqual(
    (await on('a').held()).map(({ containerId }) => containerId),
    ['other'],
  );
  await t.throwsAsync(give('a', 'x', { addresses: [address] }), { code: 'ETAKEN', message: /which the claim shop\/web has$/ });
  t.is(await give('b', 'web.3', mine), address, 'on another host');
  t.like((await on('b').held())[0], { address, claim: 'shop/web', containerId: 'web.3' });
  await on('b').release(request('web.3'));
  t.is(await give('a', 'web.4', mine), address);

  await t.throwsAsync(removePool(store, 'p'), {
    code: 'EINUSE',
    message: /by 2 containers on a and by 1 claim: shop\/web: disable the pool/,
  });
  t.true(await removeClaim(store, 'shop/web'), 'while its container runs');
  t.is((await on('a').held()).find(({ containerId }) => containerId === 'web.4')?.claim, undefined);
  await on('a').release(request('web.4'));
  t.deepEqual(
    (await blocks()).flatMap(({ spec }) => Object.values(spec.allocations)).map(({ containerId }) => containerId),
    ['other'],
  );
  t.false(await removeClaim(store, 'shop/web'));
  await t.throwsAsync(give('a', 'web.5', mine), { code: 'ENOCLAIM', message: /asks for the claim shop\/web, which there is not/ });
});

test('a claim that no container has is freed when it is deleted', async (t) => {
  const { store, on, give } = await cluster('10.0.0.0/31', { blockSize: 31 });
  await claim(store, 'web', { addresses: ['10.0.0.1'] });
  t.is(await give('a', 'web.1', { claim: 'shop/web' }), '10.0.0.1');
  await on('a').release(request('web.1'));
  t.is(await give('a', 'c1'), '10.0.0.0');
  await t.throwsAsync(give('a', 'c2'), { code: 'EEXHAUSTED' });
  await removeClaim(store, 'shop/web');
  t.is(await give('a', 'c2'), '10.0.0.1');
});

test('two containers that want one claim at once: one has it', async (t) => {
  const { store, give } = await cluster('10.0.0.0/28', { blockSize: 30 });
  await claim(store, 'web');
  const settled = await Promise.allSettled(
    Array.from({ length: 6 }, (_, index) => give(`h${index % 3}`, `c${index}`, { claim: 'shop/web' })),
  );
  t.is(settled.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('a block that stays empty goes back, but for the last with room', async (t) => {
  const { clock, on, give, blocks } = await cluster('10.0.0.0/28', { blockSize: 30 });
  for (let count = 0; count < 9; count++) await give('a', `c${count}`);
  for (let count = 0; count < 8; count++) await on('a').release(request(`c${count}`));
  clock.now += 59_000;
  t.deepEqual(await on('a').releaseEmptyBlocks(), []);
  clock.now += 1_000;
  t.deepEqual(await on('a').releaseEmptyBlocks(), ['10.0.0.0/30', '10.0.0.4/30']);
  t.deepEqual(
    (await blocks()).map(({ spec }) => spec.cidr),
    ['10.0.0.8/30'],
  );
  t.is(await give('b', 'c'), '10.0.0.0', 'for others to take');
  await on('a').release(request('c8'));
  clock.now += 60_000;
  t.deepEqual(await on('a').releaseEmptyBlocks(), [], 'the last stays, for the next container');
  t.is(await give('a', 'c'), '10.0.0.9');
});

test('the next block is taken before it is needed', async (t) => {
  const { store, on, give, blocks } = await cluster('10.0.0.0/26', { blockSize: 28 }, { ahead: true });
  for (let count = 0; count < 14; count++) await give('a', `c${count}`);
  await on('a').releaseEmptyBlocks(); // behind it in the line
  t.is((await blocks()).length, 2);
  const before = store.transactions;
  await give('a', 'c14');
  await give('a', 'c15');
  await give('a', 'c16');
  t.is(store.transactions - before, 3);
});

test('blocks of a host that is gone: empty ones, or all, and none while it lives', async (t) => {
  const { store, on, give, blocks } = await cluster('10.0.0.0/28', { blockSize: 30 });
  for (let count = 0; count < 8; count++) await give('gone', `c${count}`);
  for (let count = 0; count < 4; count++) await on('gone').release(request(`c${count}`));
  const judge = () => new Allocator({ store, host: 'gone' });
  await store.transact({ when: [], then: [{ put: presenceKey('gone'), value: '{}' }] });
  await t.throwsAsync(judge().surrender({ all: true }), { code: 'ECONFLICT' });
  t.is((await blocks()).length, 2);
  await store.transact({ when: [], then: [{ delete: presenceKey('gone') }] });
  t.deepEqual(await judge().surrender({ all: false }), { addresses: [], blocks: ['10.0.0.0-30'] });
  t.is(await give('b', 'borrower', { addresses: ['10.0.0.4'] }).catch(({ code }) => code), 'ETAKEN');
  await store.transact({ when: [], then: [{ put: hostKey('gone'), value: '{}' }] });
  await t.throwsAsync(judge().surrender({ all: true }), { code: 'ECONFLICT' }, 'its agent may serve calls before it gives a sign of life');
  await store.transact({ when: [], then: [{ delete: hostKey('gone') }] });
  const all = await judge().surrender({ all: true });
  t.is(all.addresses.length, 4);
  t.deepEqual(await blocks(), []);
  t.is((await give('gone', 'back')).length > 0, true, 'it comes back, and what it knew is checked');
  t.is((await on('gone').held()).length, 1);
});

test('maxBlocksPerHost: no block above it, but what others have to lend', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('main', '10.0.0.0/29', { blockSize: 30 }));
  await configure(store, { maxBlocksPerHost: 1, strictAffinity: true });
  const a = new Allocator({ store, host: 'a' });
  for (let index = 0; index < 4; index++) await a.allocate(request(`c${index}`));
  await t.throwsAsync(a.allocate(request('more')), {
    code: 'EEXHAUSTED',
    message: /as many of its blocks as maxBlocksPerHost allows \(1\), 4 of 8 used/,
  });
  await t.throwsAsync(a.allocate({ ...request('more'), addresses: ['10.0.0.5'] }), { code: 'EREFUSED', message: /maxBlocksPerHost \(1\)/ });
  await new Allocator({ store, host: 'b' }).allocate(request('b1'));
  await configure(store, { maxBlocksPerHost: 1 });
  t.is((await a.allocate(request('more')))[0]!.block, '10.0.0.4/30');
});
