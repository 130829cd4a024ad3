import { setTimeout as delay } from 'node:timers/promises';
import type { Lease } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { presenceKey } from '@weir/resources';
import test from 'ava';
import { SilentHosts } from './silent-hosts.ts';

const PATIENCE = 1000;

test('a host is dead when its sign of life was gone for long enough, not sooner, and lives again with the next', async (t) => {
  const { store } = await temporaryStore(t);
  const signs = new Map<string, Lease>();
  const live = async (host: string) => {
    const lease = await store.lease(60);
    await store.transact({ when: [], then: [{ put: presenceKey(host), value: '{}', lease: lease.id }] });
    signs.set(host, lease);
  };
  const told: string[][] = [];
  const hosts = new SilentHosts({ store, hosts: () => ['a', 'b'], patience: PATIENCE, onChange: (dead) => told.push([...dead]) });
  const stop = new AbortController();
  await live('a');
  await live('b');
  const following = hosts.follow(stop.signal);

  // An agent that is started anew within the time changes nothing.
  await delay(50);
  await signs.get('a')!.revoke();
  await delay(100);
  await live('a');
  await delay(PATIENCE);
  t.deepEqual(told, []);

  const before = performance.now();
  await signs.get('b')!.revoke();
  while (told.length === 0) await delay(5);
  t.deepEqual(told, [['b']]);
  t.true(performance.now() - before >= PATIENCE);
  await live('b');
  while (told.length === 1) await delay(5);
  t.deepEqual(told, [['b'], []]);
  stop.abort();
  await following;
});
