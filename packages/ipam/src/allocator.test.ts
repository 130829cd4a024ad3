import { type Block, type Pool, parseObject } from '@weir/resources';
import test from 'ava';
import { admitPool } from './admission.ts';
import type { Assigned } from './allocation/allocation-request.ts';
import { Allocator } from './allocator.ts';
import { BLOCK_PREFIX } from './block.ts';
import { IpamError } from './ipam-error.ts';
import { POOL_PREFIX } from './pool.ts';
import { FakeStore } from './testing/fake-store.ts';

const pool = (name: string, cidr: string, blockSize: number, disabled = false): Pool => ({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name, labels: {}, annotations: {} },
  spec: { cidr, blockSize, disabled, vxlan: 'Never', natOutgoing: false, visibility: 'Routed', routes: 'Blocks' },
});

const request = (containerId: string) => ({ containerId, interfaceName: 'eth0', network: 'weir' });

async function storeWith(...pools: Pool[]): Promise<FakeStore> {
  const store = new FakeStore();
  for (const one of pools) await admitPool(store, one);
  return store;
}

const addressesOf = (assigned: { address: string }[]) => assigned.map(({ address }) => address);

test('both families when pools of both are there, with what the wiring needs to know', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26), pool('six', 'fd00::/64', 122));
  const allocator = new Allocator({ store, host: 'a' });
  t.deepEqual(await allocator.allocate(request('c1')), [
    { address: '10.0.0.0', family: 'IPv4', prefixLength: 32, pool: 'four', block: '10.0.0.0/26' },
    { address: 'fd00::', family: 'IPv6', prefixLength: 128, pool: 'six', block: 'fd00::/122' },
  ]);
  t.deepEqual(
    (await allocator.held()).map(({ address, block }) => [address, block]),
    [
      ['10.0.0.0', '10.0.0.0/26'],
      ['fd00::', 'fd00::/122'],
    ],
  );
});

test('a block is told as it was written, before the address is', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const told: { block: Block; revision: number }[] = [];
  const allocator = new Allocator({ store, host: 'a', onWritten: (block, revision) => told.push({ block, revision }) });
  await allocator.allocate(request('c1'));
  t.is(told.length, 1);
  await allocator.release(request('c1'));
  for (const { block, revision } of told.slice(-1)) {
    const entry = await store.get(BLOCK_PREFIX + block.metadata.name);
    t.is(entry?.revision, revision);
    t.deepEqual(parseObject(JSON.parse(entry!.value)), block);
  }
});

// The refused one learnt of the other's block as its own, and not that its range is taken: it made it anew, over who had its address.
test('two processes of one host: a block that one of them took is not taken again by the other', async (t) => {
  const store = await storeWith(pool('x', '10.0.0.0/24', 32), pool('y', '10.1.0.0/24', 32));
  const [one, two] = [new Allocator({ store, host: 'a' }), new Allocator({ store, host: 'a' })];
  const from = async (allocator: Allocator, name: string) => {
    const [given] = await allocator.allocate({ ...request(`${name}${store.transactions}`), pools: [name] });
    return given!.address;
  };
  const given = await Promise.all([from(one, 'x'), from(two, 'y')]);
  given.push(await from(two, 'x'), await from(one, 'y'));
  t.is(new Set(given).size, 4);
  t.deepEqual((await one.held()).map(({ address }) => address).sort(), given.sort());
});

test('what is to come with the addresses is in their transaction, is told of before they are, and is worked out for those that were given', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const [here, there] = [new Allocator({ store, host: 'a' }), new Allocator({ store, host: 'a' })];
  await here.allocate(request('c0'));
  await there.allocate(request('c1')); // which the first one does not know of, so that its transaction is refused once
  const told: [string, number][] = [];
  const along = ([{ address }]: [Assigned]) => ({
    write: { put: '/with', value: address },
    written: (revision: number) => told.push([address, revision]),
  });
  const before = store.transactions;
  const given = here.allocate({ ...request('c2'), along: (assigned) => along(assigned as [Assigned]) }).then((assigned) => {
    t.is(told.length, 1);
    return assigned;
  });
  const [[{ address }]] = (await Promise.all([given, here.allocate(request('c3'))])) as [[Assigned], Assigned[]];
  t.is(store.transactions - before, 2);
  const entry = await store.get('/with');
  t.is(entry?.value, address);
  t.deepEqual(told, [[address, entry!.revision]]);
  // Who is turned away leaves nothing, and who has addresses already is given them with it.
  await t.throwsAsync(
    here.allocate({ ...request('c4'), pools: ['none'], along: () => ({ write: { put: '/not', value: '' }, written: () => t.fail() }) }),
  );
  t.is(await store.get('/not'), undefined);
  await here.allocate({ ...request('c2'), along: () => ({ write: { delete: '/with' }, written: () => {} }) });
  t.is(await store.get('/with'), undefined);
});

test('more addresses at once than fit in one transaction with what comes along are given in several', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/20', 24));
  const allocator = new Allocator({ store, host: 'a' });
  const names = Array.from({ length: 200 }, (_, index) => `c${index}`);
  await Promise.all(
    names.map((name) =>
      allocator.allocate({ ...request(name), along: () => ({ write: { put: `/with/${name}`, value: 'x' }, written: () => {} }) }),
    ),
  );
  t.is((await store.list('/with/')).entries.length, 200);
});

test('an address of an owned block costs one transaction, and so does its return', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26), pool('six', 'fd00::/64', 122));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('c1'));
  for (const work of [
    () => allocator.allocate(request('c2')),
    () => allocator.release(request('c1')),
    () => allocator.allocate(request('c2')),
  ]) {
    const before = store.transactions;
    await work();
    t.is(store.transactions - before, 1);
  }
});

test('64 at once share transactions and do not race each other', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const allocator = new Allocator({ store, host: 'a' });
  const before = store.transactions;
  const assigned = await Promise.all(Array.from({ length: 64 }, (_, index) => allocator.allocate(request(`c${index}`))));
  t.is(new Set(assigned.flatMap(addressesOf)).size, 64);
  t.is(store.transactions - before, 1);
  t.is(store.refused, 0);
});

test('a group that touches more blocks than a transaction may goes in several', async (t) => {
  const store = await storeWith(pool('single', '10.0.0.0/24', 32));
  const allocator = new Allocator({ store, host: 'a' });
  const before = store.transactions;
  const assigned = await Promise.all(Array.from({ length: 256 }, (_, index) => allocator.allocate(request(`c${index}`))));
  t.is(new Set(assigned.flatMap(addressesOf)).size, 256);
  t.is(store.transactions - before, Math.ceil(256 / 50));
});

test('asked twice, the same addresses; also by another process of the host, and at once', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26), pool('six', 'fd00::/64', 122));
  const first = new Allocator({ store, host: 'a' });
  const second = new Allocator({ store, host: 'a' });
  await Promise.all([first.allocate(request('warm')), second.allocate(request('warm'))]);
  const assigned = await first.allocate(request('c1'));
  t.deepEqual(await first.allocate(request('c1')), assigned);
  t.deepEqual(await second.allocate(request('c1')), assigned);
  const [left, right, again] = await Promise.all([
    first.allocate(request('c2')),
    second.allocate(request('c2')),
    first.allocate(request('c2')),
  ]);
  t.deepEqual(left, right);
  t.deepEqual(left, again);
  t.is((await first.held()).length, 6, 'two addresses for each of warm, c1, c2');
});

test('a family asked for later is added to the one held', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26), pool('six', 'fd00::/64', 122));
  const allocator = new Allocator({ store, host: 'a' });
  const four = await allocator.allocate({ ...request('c1'), families: ['IPv4'] });
  t.is(four.length, 1);
  t.deepEqual(await allocator.allocate(request('c1')), four, 'who names no family has what it has');
  t.deepEqual(addressesOf(await allocator.allocate({ ...request('c1'), families: ['IPv6', 'IPv4'] })), ['10.0.0.0', 'fd00::']);
});

test('both families or none', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26), pool('six', 'fd00::/128', 128));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('c1'));
  const error = await t.throwsAsync(allocator.allocate(request('c2')), { instanceOf: IpamError, code: 'EEXHAUSTED' });
  t.regex(error.message, /no IPv6 address for eth0 of container c2.*pool "six" \(fd00::\/128\) is full: 1 of 1 used/);
  t.is((await allocator.held()).length, 2, 'no IPv4 address stays behind');
});

test('release is idempotent and knows what another process gave', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const agent = new Allocator({ store, host: 'a' });
  await agent.allocate(request('c1'));
  const oneShot = new Allocator({ store, host: 'a' });
  const [assigned] = await oneShot.allocate(request('c2'));
  t.deepEqual(await agent.release(request('c2')), [assigned!.address]);
  t.deepEqual(await agent.release(request('c2')), []);
  t.deepEqual(
    await oneShot.release({ ...request('c1'), interfaceName: 'eth1' }),
    [],
    'another interface of the container keeps its address',
  );
  t.is((await agent.held()).length, 1);
});

test('an address that another process returned is not answered from memory', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/30', 30));
  const agent = new Allocator({ store, host: 'a' });
  await agent.allocate(request('c1'));
  const oneShot = new Allocator({ store, host: 'a' });
  await oneShot.release(request('c1'));
  await oneShot.allocate(request('c2'));
  const [again] = await agent.allocate(request('c1'));
  const owners = (await agent.held()).filter(({ address }) => address === again!.address);
  t.deepEqual(
    owners.map(({ containerId }) => containerId),
    ['c1'],
  );
});

test('hosts own different blocks, however they race', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 28));
  const allocators = Array.from({ length: 16 }, (_, index) => new Allocator({ store, host: `h${index}` }));
  const assigned = await Promise.all(allocators.map((allocator) => allocator.allocate(request('c'))));
  t.is(new Set(assigned.map(([first]) => first!.block)).size, 16);
  t.true(store.refused < 32, `${store.refused} refused: who was refused looks elsewhere, or each try would let one host through`);
});

test('exhausted says which pools were tried and why each was passed over', async (t) => {
  const store = await storeWith(pool('off', '10.1.0.0/24', 26, true), pool('six', 'fd00::/64', 122), pool('tiny', '10.0.0.0/31', 31));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate({ ...request('c1'), families: ['IPv4'] });
  await allocator.allocate({ ...request('c2'), families: ['IPv4'] });
  const error = await t.throwsAsync<IpamError>(allocator.allocate({ ...request('c3'), families: ['IPv4'] }), {
    instanceOf: IpamError,
    code: 'EEXHAUSTED',
  });
  t.deepEqual(error.passedOver, [
    { pool: 'off', reason: 'disabled' },
    { pool: 'six', reason: 'of the other family, IPv6' },
    { pool: 'tiny', reason: 'full: 2 of 2 used' },
  ]);
  for (const { pool: name, reason } of error.passedOver) t.true(error.message.includes(`pool "${name}"`) && error.message.includes(reason));
});

test('no pool, unknown pool, only disabled pools', async (t) => {
  const store = new FakeStore();
  const allocator = new Allocator({ store, host: 'a' });
  await t.throwsAsync(allocator.allocate(request('c1')), { code: 'ENOPOOL', message: /there is no pool/ });
  await admitPool(store, pool('off', '10.1.0.0/24', 26, true));
  await t.throwsAsync(allocator.allocate(request('c1')), { code: 'EEXHAUSTED', message: /pool "off" \(10\.1\.0\.0\/24\) is disabled/ });
  await t.throwsAsync(allocator.allocate({ ...request('c1'), pools: ['of'] }), {
    code: 'ENOPOOL',
    message: /no pool "of"; the pools are: off/,
  });
});

test('a pool is noticed as soon as it is there, enabled, disabled or of a second family', async (t) => {
  const store = await storeWith(pool('a', '10.0.0.0/24', 26));
  const allocator = new Allocator({ store, host: 'a' });
  t.is((await allocator.allocate(request('c1'))).length, 1);
  await admitPool(store, pool('six', 'fd00::/64', 122));
  t.is((await allocator.allocate(request('c2'))).length, 2);
  await admitPool(store, pool('a', '10.0.0.0/24', 26, true));
  t.deepEqual(
    (await allocator.allocate(request('c3'))).map(({ family }) => family),
    ['IPv6'],
  );
  await admitPool(store, pool('b', '10.2.0.0/24', 26));
  t.deepEqual(addressesOf(await allocator.allocate({ ...request('c4'), families: ['IPv4'] })), ['10.2.0.0']);
});

test('a pool put past the admission is found before anyone is turned away', async (t) => {
  const store = await storeWith(pool('a', '10.0.0.0/32', 32));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('c1'));
  await store.transact({ when: [], then: [{ put: `${POOL_PREFIX}b`, value: JSON.stringify(pool('b', '10.9.0.0/24', 26)) }] });
  t.deepEqual(addressesOf(await allocator.allocate(request('c2'))), ['10.9.0.0']);
});

test('pools asked for by name are taken in the order given', async (t) => {
  const store = await storeWith(pool('a', '10.0.0.0/24', 26), pool('b', '10.2.0.0/32', 32));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('warm'));
  t.deepEqual(
    addressesOf(await allocator.allocate({ ...request('c1'), pools: ['b', 'a'] })),
    ['10.0.0.1'],
    'an owned block before a new one',
  );
  t.deepEqual(addressesOf(await allocator.allocate({ ...request('c2'), pools: ['b'] })), ['10.2.0.0']);
});

test('one that is refused does not drag down those that share its transaction', async (t) => {
  const store = await storeWith(pool('tiny', '10.0.0.0/30', 30));
  const allocator = new Allocator({ store, host: 'a' });
  const settled = await Promise.allSettled(Array.from({ length: 6 }, (_, index) => allocator.allocate(request(`c${index}`))));
  t.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
});

test('an answer that got lost: who asks again gets the address that was given', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('c1'));
  store.fault = () => 'lost answer';
  await t.throwsAsync(allocator.allocate(request('c2')), { code: 'EUNAVAILABLE' });
  store.fault = () => 'none';
  t.deepEqual(addressesOf(await allocator.allocate(request('c2'))), ['10.0.0.1']);
  t.is((await allocator.held()).length, 2);
});

test('someone who always gets in between ends in an error, not in a loop', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const allocator = new Allocator({ store, host: 'a' });
  const rival = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('c1'));
  let number = 0;
  store.interfere = async () => {
    const again = store.interfere;
    store.interfere = async () => {};
    await rival.release(request(`rival${number}`));
    await rival.allocate(request(`rival${++number}`));
    store.interfere = again;
  };
  await t.throwsAsync(allocator.allocate(request('c2')), { code: 'ECONFLICT', message: /host "a" lost 100 races/ });
});

test('a lost affinity key is rebuilt from the blocks', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  const allocator = new Allocator({ store, host: 'a' });
  const assigned = await allocator.allocate(request('c1'));
  await store.transact({ when: [], then: [{ delete: '/weir/ipam/affinity/a' }] });
  t.deepEqual(await allocator.allocate(request('c1')), assigned);
  await allocator.allocate(request('c2'));
  await store.transact({ when: [], then: [{ delete: '/weir/ipam/affinity/a' }] });
  t.is((await new Allocator({ store, host: 'a' }).held()).length, 2);
});

test('a block that cannot be read is neither used nor overwritten nor claimed again', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 26));
  await store.transact({ when: [], then: [{ put: '/weir/v1/Block/10.0.0.0-26', value: '{"broken' }] });
  t.deepEqual(addressesOf(await new Allocator({ store, host: 'a' }).allocate(request('c1'))), ['10.0.0.64']);
  t.is((await store.get('/weir/v1/Block/10.0.0.0-26'))?.value, '{"broken');
});

test('an address that was asked for, in a block of nobody, of its own host and of another', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 28), pool('six', 'fd00::/64', 122));
  const [a, b] = [new Allocator({ store, host: 'a' }), new Allocator({ store, host: 'b' })];
  const ask = (containerId: string, ...addresses: string[]) => ({ ...request(containerId), addresses });
  t.deepEqual(await a.allocate(ask('c1', '10.0.0.77')), [
    { address: '10.0.0.77', family: 'IPv4', prefixLength: 32, pool: 'four', block: '10.0.0.64/28' },
    { address: 'fd00::', family: 'IPv6', prefixLength: 128, pool: 'six', block: 'fd00::/122' },
  ]);
  t.deepEqual(addressesOf(await a.allocate(ask('c2', '10.0.0.64', 'fd00::9'))), ['10.0.0.64', 'fd00::9'], 'the first of a block, too');
  t.deepEqual(addressesOf(await b.allocate(ask('c3', '10.0.0.79', 'fd00::1'))), ['10.0.0.79', 'fd00::1'], 'borrowed');
  t.deepEqual(addressesOf(await b.allocate(ask('c3', '10.0.0.79', 'fd00::1'))), ['10.0.0.79', 'fd00::1'], 'asked again');
  t.deepEqual(addressesOf(await b.allocate(ask('c4', '10.0.0.96', '10.0.0.97'))).slice(0, 2), ['10.0.0.96', '10.0.0.97']);
  t.deepEqual((await b.held()).map(({ address }) => address).sort(), ['10.0.0.79', '10.0.0.96', '10.0.0.97', 'fd00::1', 'fd00::40']);
  const block = JSON.parse((await store.get('/weir/v1/Block/10.0.0.64-28'))!.value) as Block;
  t.is(block.spec.host, 'a', 'who lends keeps the block');

  t.deepEqual((await new Allocator({ store, host: 'b' }).release(request('c3'))).sort(), ['10.0.0.79', 'fd00::1']);
  t.deepEqual(await a.release(request('c4')), [], "another host's container is not touched");
  t.deepEqual(addressesOf(await a.allocate(ask('c5', '10.0.0.79'))).slice(0, 1), ['10.0.0.79'], 'given back to its block');
});

test('a request for an address that cannot be given says why, and gives nothing', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 28), pool('off', '10.1.0.0/24', 28, true), pool('six', 'fd00::/64', 122));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate({ ...request('c1'), addresses: ['10.0.0.7'] });
  await new Allocator({ store, host: 'b' }).allocate({ ...request('c1'), addresses: ['10.0.0.100'] });
  const before = await allocator.held();
  for (const [more, code, message] of [
    [
      { addresses: ['10.9.0.1'] },
      'EOUTSIDE',
      /^eth0 of container c2 asks for 10\.9\.0\.1, which is in no pool; the pools are: "four" \(10\.0\.0\.0\/24\), "off"/,
    ],
    [{ addresses: ['10.0.0.7'] }, 'ETAKEN', /asks for 10\.0\.0\.7, which eth0 of container c1 on host a has$/],
    [{ addresses: ['10.0.0.100'] }, 'ETAKEN', /which eth0 of container c1 on host b has$/],
    [{ addresses: ['10.0.0.8', '10.0.0.7'] }, 'ETAKEN', /10\.0\.0\.7/],
    [{ addresses: ['10.1.0.1'] }, 'EREFUSED', /of pool "off", which is disabled$/],
    [{ addresses: ['fd00::7'], families: ['IPv4'] }, 'EREFUSED', /an IPv6 address: the network gives IPv4 alone$/],
    [{ addresses: ['fd00::7'], pools: ['four'] }, 'EREFUSED', /of pool "six": the network takes addresses of four alone$/],
  ] as [object, string, RegExp][]) {
    await t.throwsAsync(allocator.allocate({ ...request('c2'), ...more }), { instanceOf: IpamError, code, message });
  }
  t.deepEqual(await allocator.held(), before);
});

test('two hosts that ask for one address at once: one has it', async (t) => {
  const store = await storeWith(pool('four', '10.0.0.0/24', 28));
  const settled = await Promise.allSettled(
    Array.from({ length: 8 }, (_, index) =>
      new Allocator({ store, host: `h${index}` }).allocate({ ...request('c'), addresses: ['10.0.0.20'] }),
    ),
  );
  t.is(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const one of settled) if (one.status === 'rejected') t.is(one.reason.code, 'ETAKEN');
});
