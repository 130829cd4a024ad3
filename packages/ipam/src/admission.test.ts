import type { Pool } from '@weir/resources';
import test from 'ava';
import { admitPool, removePool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { IpamError } from './ipam-error.ts';
import { FakeStore } from './testing/fake-store.ts';
import { usage } from './usage.ts';

const pool = (name: string, cidr: string, blockSize: number, disabled = false): Pool => ({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name, labels: {}, annotations: {} },
  spec: { cidr, blockSize, disabled, vxlan: 'Never', natOutgoing: false, visibility: 'Routed', routes: 'Blocks' },
});

const request = (containerId: string) => ({ containerId, interfaceName: 'eth0', network: 'weir' });

const stored = async (store: FakeStore, name: string) => {
  const entry = await store.get(`/weir/v1/Pool/${name}`);
  return entry && (JSON.parse(entry.value) as Pool);
};

/** Runs `action` once, just before the next transaction. */
function beforeNext(store: FakeStore, action: () => Promise<unknown>): void {
  store.interfere = async () => {
    store.interfere = async () => {};
    await action();
  };
}

test('an overlap is refused with both names and CIDRs', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('wide', '10.0.0.0/8', 26));
  const error = await t.throwsAsync(admitPool(store, pool('narrow', '10.65.0.0/16', 26)), { instanceOf: IpamError, code: 'EOVERLAP' });
  t.is(error.message, 'pool "narrow" (10.65.0.0/16) overlaps pool "wide" (10.0.0.0/8): choose a CIDR that shares no address with it');
  t.is(await stored(store, 'narrow'), undefined);
});

test('two pools that overlap are not both admitted at once', async (t) => {
  const store = new FakeStore();
  beforeNext(store, () => admitPool(store, pool('first', '10.0.0.0/16', 26)));
  await t.throwsAsync(admitPool(store, pool('second', '10.0.1.0/24', 26)), { code: 'EOVERLAP' });
  t.is(await stored(store, 'second'), undefined);
});

test('a pool is replaced at the revision that was read, and only there', async (t) => {
  const store = new FakeStore();
  const revision = await admitPool(store, pool('p', '10.0.0.0/16', 26), { revision: 0 });
  await t.throwsAsync(admitPool(store, pool('p', '10.0.0.0/16', 26, true), { revision: 0 }), {
    code: 'ECONFLICT',
    message: /at revision 2, not 0/,
  });
  await admitPool(store, pool('p', '10.0.0.0/16', 26, true), { revision });
  t.true((await stored(store, 'p'))!.spec.disabled);
  await t.throwsAsync(admitPool(store, pool('p', '10.0.0.0/16', 26), { revision }), { code: 'ECONFLICT' });
});

test('block size and CIDR may change until a host owns a block', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('p', '10.0.0.0/16', 26));
  await admitPool(store, pool('p', '10.0.0.0/20', 28));
  t.like((await stored(store, 'p'))!.spec, { cidr: '10.0.0.0/20', blockSize: 28, disabled: false });
  await new Allocator({ store, host: 'a' }).allocate(request('c1'));
  const error = await t.throwsAsync(admitPool(store, pool('p', '10.0.0.0/16', 26)), { instanceOf: IpamError, code: 'EINUSE' });
  t.regex(
    error.message,
    /spec\.cidr from 10\.0\.0\.0\/20 to 10\.0\.0\.0\/16 and spec\.blockSize from 28 to 26 while hosts own blocks.*1, the first is 10\.0\.0\.0\/28/,
  );
  await admitPool(store, pool('p', '10.0.0.0/20', 28, true));
});

test('a block claimed while the block size is being changed stops the change', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('p', '10.0.0.0/16', 26));
  beforeNext(store, () => new Allocator({ store, host: 'a' }).allocate(request('c1')));
  await t.throwsAsync(admitPool(store, pool('p', '10.0.0.0/16', 28)), { code: 'EINUSE' });
  t.like((await stored(store, 'p'))!.spec, { cidr: '10.0.0.0/16', blockSize: 26, disabled: false }, 'as it was, enabled');
});

test('a pool in use is not removed, and the error counts', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('p', '10.0.0.0/24', 30));
  const allocator = new Allocator({ store, host: 'a' });
  for (const container of ['c1', 'c2', 'c3', 'c4', 'c5']) await allocator.allocate(request(container));
  await t.throwsAsync(removePool(store, 'p'), {
    code: 'EINUSE',
    message: /pool "p" \(10\.0\.0\.0\/24\): 5 of its addresses are in use, by 5 containers on a: disable/,
  });
  t.false((await stored(store, 'p'))!.spec.disabled);
  for (const container of ['c1', 'c2', 'c3', 'c4', 'c5']) await allocator.release(request(container));
  await removePool(store, 'p');
  t.is(await stored(store, 'p'), undefined);
  t.deepEqual((await store.list('/weir/v1/')).entries, [], 'its blocks are gone with it');
  await t.throwsAsync(removePool(store, 'p'), { code: 'ENOPOOL' });
  await t.throwsAsync(allocator.allocate(request('c1')), { code: 'ENOPOOL' });
});

test('an address given while the pool is being removed keeps it', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('p', '10.0.0.0/24', 26));
  const allocator = new Allocator({ store, host: 'a' });
  await allocator.allocate(request('c1'));
  await allocator.release(request('c1'));
  beforeNext(store, () => allocator.allocate(request('c2')));
  await t.throwsAsync(removePool(store, 'p'), { code: 'EINUSE' });
  t.false((await stored(store, 'p'))!.spec.disabled);
  t.is((await allocator.held()).length, 1);
});

test('a pool with more blocks than fit in a transaction is removed', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('p', '10.0.0.0/24', 32));
  const allocator = new Allocator({ store, host: 'a' });
  const containers = Array.from({ length: 230 }, (_, index) => request(`c${index}`));
  await Promise.all(containers.map((one) => allocator.allocate(one)));
  await Promise.all(containers.map((one) => allocator.release(one)));
  await removePool(store, 'p');
  t.deepEqual((await store.list('/weir/v1/')).entries, []);
});

test('no address comes from a pool that was deleted or disabled past the admission', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('a', '10.0.0.0/24', 26));
  await admitPool(store, pool('b', '10.0.1.0/24', 26));
  const allocator = new Allocator({ store, host: 'h' });
  await allocator.allocate(request('c1'));
  const key = '/weir/v1/Pool/a';
  await store.transact({ when: [], then: [{ put: key, value: JSON.stringify(pool('a', '10.0.0.0/24', 26, true)) }] });
  t.is((await allocator.allocate(request('c2')))[0]!.pool, 'b');
  await store.transact({ when: [], then: [{ delete: key }] });
  beforeNext(store, () => store.transact({ when: [], then: [{ delete: '/weir/v1/Pool/b' }] }));
  await t.throwsAsync(allocator.allocate(request('c3')), { code: 'ENOPOOL' });
});

test('a pool that cannot be read is named, since overlaps with it are unknown', async (t) => {
  const store = new FakeStore();
  await store.transact({ when: [], then: [{ put: '/weir/v1/Pool/bad', value: '{}' }] });
  await t.throwsAsync(admitPool(store, pool('p', '10.0.0.0/24', 26)), { code: 'EINVAL', message: /\/weir\/v1\/Pool\/bad/ });
});

test('usage counts per pool and block', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('four', '10.0.0.0/24', 26));
  await admitPool(store, pool('six', 'fd00::/64', 122, true));
  await new Allocator({ store, host: 'a' }).allocate(request('c1'));
  await new Allocator({ store, host: 'b' }).allocate(request('c1'));
  t.deepEqual(await usage(store), [
    {
      pool: 'four',
      cidr: '10.0.0.0/24',
      disabled: false,
      size: 256,
      used: 2,
      free: 254,
      reserved: 0,
      blocks: [
        { block: '10.0.0.0/26', host: 'a', size: 64, used: 1, free: 63, reserved: 0 },
        { block: '10.0.0.64/26', host: 'b', size: 64, used: 1, free: 63, reserved: 0 },
      ],
    },
    { pool: 'six', cidr: 'fd00::/64', disabled: true, size: 2 ** 64, used: 0, free: 2 ** 64, reserved: 0, blocks: [] },
  ]);
});
