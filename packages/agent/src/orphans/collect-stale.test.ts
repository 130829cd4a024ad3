import { temporaryStore } from '@weir/datastore/testing';
import { Allocator, admitPool } from '@weir/ipam';
import { type Pool, parseObject } from '@weir/resources';
import type { LinkOwner } from '@weir/routing';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { Attachments, type Owner } from '../calls/attachments.ts';
import { createMetrics } from '../metrics.ts';
import { collectStale } from './collect-stale.ts';

const eth0 = (containerId: string): Owner => ({ containerId, interfaceName: 'eth0' });

/** Addresses of three containers, and a GC that knows of none of them. */
async function setUp(t: ExecutionContext) {
  const { store } = await temporaryStore(t);
  const pool = { apiVersion: 'weir/v1', kind: 'Pool', metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/24' } };
  await admitPool(store, parseObject(pool) as Pool);
  const allocator = new Allocator({ store, host: 'h1' });
  for (const [id, network] of [
    ['a', 'weir'],
    ['b', 'weir'],
    ['c', 'other'],
  ] as const)
    await allocator.allocate({ ...eth0(id), network });
  const attachments = new Attachments();
  const removed: string[] = [];
  const chains: Owner[] = [];
  const links: LinkOwner[] = [];
  const collect = (remove: (owner: Owner) => Promise<void> = async () => {}) =>
    collectStale(
      {
        network: 'weir',
        isStale: () => true,
        remove: async (owner) => {
          removed.push(owner.containerId);
          await remove(owner);
        },
      },
      {
        allocator,
        enforcement: { stored: [] },
        results: { attachments: () => [...chains] },
        links: { owners: () => links },
        attachments,
        log: pino({ level: 'silent' }),
        metrics: createMetrics(),
      },
    );
  return { allocator, attachments, chains, collect, removed };
}

test("the network's own attachments are removed, and no other network's", async (t) => {
  const { chains, collect, removed } = await setUp(t);
  // A chain of others' plugins has neither address nor endpoint of ours.
  chains.push(eth0('b'), eth0('d'));
  await collect();
  t.deepEqual(removed, ['a', 'b', 'd']);
});

test('an ADD that is under way when GC begins, and one that comes and ends while it looks, are left alone', async (t) => {
  const { allocator, attachments, collect, removed } = await setUp(t);
  const { promise: end, resolve: endAdd } = Promise.withResolvers<void>();
  const underWay = attachments.run(eth0('a'), () => end);
  const { held } = allocator;
  const overtaken = Promise.withResolvers<void>();
  allocator.held = async () => {
    const all = await held.call(allocator);
    // What GC sees is what was there before this.
    await attachments.run(eth0('b'), async () => {});
    endAdd();
    await underWay;
    overtaken.resolve();
    return all;
  };
  await collect();
  await overtaken.promise;
  t.deepEqual(removed, []);
  allocator.held = held;
  await collect();
  t.deepEqual(removed, ['a', 'b'], 'the next GC finds them idle');
});

test('a removal stands in the line of its owner, and each failure is told after all were tried', async (t) => {
  const { attachments, collect, removed } = await setUp(t);
  let isInLine = true;
  const collecting = collect(async (owner) => {
    isInLine &&= attachments.isBusy(owner);
    throw new Error(`${owner.containerId} stays`);
  });
  await t.throwsAsync(collecting, { instanceOf: AggregateError, message: 'a stays; b stays' });
  t.true(isInLine);
  t.deepEqual(removed, ['a', 'b']);
});
