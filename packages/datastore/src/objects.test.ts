import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Policy, parseObject } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { openEmbeddedStore } from './embedded/embedded-store.ts';
import type { Retention } from './embedded/tables.ts';
import { ObjectStore } from './objects.ts';
import type { ObjectEvent } from './snapshot-and-watch.ts';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

function policy(name: string, order = 1): Policy {
  return parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name, namespace: 'shop' }, spec: { order } }) as Policy;
}

function namespace(name: string) {
  return parseObject({ apiVersion: 'weir/v1', kind: 'Namespace', metadata: { name }, spec: {} });
}

function opened(t: ExecutionContext, retention: Partial<Retention> = {}): { store: Store; objects: ObjectStore } {
  const folder = mkdtempSync(join(tmpdir(), 'weir-objects-'));
  const store = openEmbeddedStore({ path: join(folder, 'weir.db'), timeoutMilliseconds: 1000 }, retention);
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return { store, objects: new ObjectStore(store) };
}

const putRaw = (store: Store, key: string, value: string) => store.transact({ when: [], then: [{ put: key, value }] });

/** The next event in one line. */
async function next(events: AsyncGenerator<ObjectEvent>): Promise<string> {
  const { value: event, done } = await events.next();
  if (done) return 'done';
  switch (event.type) {
    case 'put':
      return `put ${event.object.kind} ${event.object.metadata.name}${event.object.kind === 'Policy' ? ` ${event.object.spec.order}` : ''}`;
    case 'remove':
      return `remove ${event.kind} ${event.namespace ?? '-'} ${event.name}`;
    case 'invalid':
      return `invalid ${event.key}`;
    default:
      return event.type;
  }
}

async function nextOf(events: AsyncGenerator<ObjectEvent>, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) lines.push(await next(events));
  return lines;
}

test('put, get, list, create, remove, with revisions as conditions', async (t) => {
  const { objects } = opened(t);
  t.is(await objects.get('Policy', 'a', 'shop'), undefined);
  const revision = await objects.create(policy('a'));
  t.deepEqual(await objects.get('Policy', 'a', 'shop'), { object: policy('a'), revision });
  await t.throwsAsync(objects.create(policy('a')), { code: 'ECONFLICT', message: /was to be absent, but is at revision 2; read it again/ });
  const second = await objects.put(policy('a', 2), { revision });
  await t.throwsAsync(objects.put(policy('a', 3), { revision }), { code: 'ECONFLICT' });
  await t.throwsAsync(objects.remove('Policy', 'a', 'shop', { revision }), { code: 'ECONFLICT' });
  await objects.put(policy('b', 7));
  const { objects: listed, invalid } = await objects.list('Policy', 'shop');
  t.deepEqual(
    listed.map(({ object }) => object),
    [policy('a', 2), policy('b', 7)],
  );
  t.deepEqual(invalid, []);
  t.true(await objects.remove('Policy', 'a', 'shop', { revision: second }));
  t.false(await objects.remove('Policy', 'a', 'shop'));
  t.true(await objects.remove('Policy', 'b', 'shop'));
  t.deepEqual((await objects.list('Policy')).objects, []);
});

test('an object that is not valid is reported beside the good ones', async (t) => {
  const { store, objects } = opened(t);
  await objects.put(policy('good'));
  await putRaw(store, '/weir/v1/Policy/shop/broken', '{');
  await putRaw(store, '/weir/v1/Policy/shop/moved', JSON.stringify(policy('elsewhere')));
  await putRaw(store, '/weir/v1/Policy/shop/odd', JSON.stringify({ ...policy('odd'), spec: { sellector: 'all()' } }));
  const { objects: good, invalid } = await objects.list('Policy');
  t.deepEqual(
    good.map(({ object }) => object.metadata.name),
    ['good'],
  );
  t.deepEqual(
    invalid.map(({ key }) => key),
    ['broken', 'moved', 'odd'].map((name) => `/weir/v1/Policy/shop/${name}`),
  );
  t.regex(invalid[0]!.error.message, /no JSON/);
  t.regex(invalid[1]!.error.message, /is the object of \/weir\/v1\/Policy\/shop\/elsewhere/);
  t.regex(invalid[2]!.error.message, /sellector/);
  await t.throwsAsync(objects.get('Policy', 'odd', 'shop'), { message: /sellector/ });
});

test('snapshotAndWatch: what is there, synced, then each change of the wanted kinds', async (t) => {
  const { store, objects } = opened(t);
  await objects.put(policy('a'));
  await objects.put(namespace('shop'));
  await putRaw(store, '/weir/v1/Host/h1', '{}');
  const abort = new AbortController();
  const events = objects.snapshotAndWatch(['Policy', 'Namespace'], { signal: abort.signal });
  t.deepEqual(await nextOf(events, 3), ['put Namespace shop', 'put Policy a 1', 'synced']);
  await objects.put(policy('a', 2));
  await putRaw(store, '/weir/v1/Host/h1', '{}');
  await putRaw(store, '/weir/v1/Policy/shop/a', '{');
  await objects.remove('Policy', 'a', 'shop');
  await objects.remove('Namespace', 'shop');
  t.deepEqual(await nextOf(events, 4), [
    'put Policy a 2',
    'invalid /weir/v1/Policy/shop/a',
    'remove Policy shop a',
    'remove Namespace - shop',
  ]);
  const ending = next(events);
  abort.abort();
  t.is(await ending, 'done');
});

test('snapshotAndWatch: what the caller wrote itself is not told, what happens to it afterwards is', async (t) => {
  const { objects } = opened(t);
  const own = new Map<string, number>();
  const events = objects.snapshotAndWatch(['Policy'], { isKnown: (key, revision) => own.get(key) === revision });
  t.deepEqual(await nextOf(events, 1), ['synced']);
  for (const name of ['a', 'b']) own.set(`/weir/v1/Policy/shop/${name}`, await objects.put(policy(name)));
  await objects.put(policy('a', 2));
  await objects.remove('Policy', 'b', 'shop');
  t.deepEqual(await nextOf(events, 2), ['put Policy a 2', 'remove Policy shop b']);
  await events.return(undefined);
});

test('snapshotAndWatch: after compaction, the difference', async (t) => {
  const { objects, store } = opened(t, { changes: 5, step: 1 });
  for (const name of ['gone', 'changed', 'same']) await objects.put(policy(name));
  const held = holding(store);
  const events = new ObjectStore(held.store).snapshotAndWatch(['Policy']);
  t.deepEqual(await nextOf(events, 4), ['put Policy changed 1', 'put Policy gone 1', 'put Policy same 1', 'synced']);
  await objects.remove('Policy', 'gone', 'shop');
  await objects.put(policy('changed', 2));
  await objects.put(policy('new'));
  for (let order = 0; order < 10; order++) await objects.put(policy('changed', order));
  t.deepEqual(await nextOf(events, 4), ['remove Policy shop gone', 'put Policy changed 9', 'put Policy new 1', 'synced']);
  await events.return(undefined);
});

test('snapshotAndWatch: what changed in an outage is told in one turn of the event loop, so that nobody applies half of it', async (t) => {
  const { objects, store } = opened(t, { changes: 5, step: 1 });
  for (let index = 0; index < 250; index++) await objects.put(policy(`old-${index}`));
  const held = holding(store);
  const events = new ObjectStore(held.store).snapshotAndWatch(['Policy']);
  await nextOf(events, 251);
  held.fail();
  t.deepEqual(await nextOf(events, 1), ['disconnected']);
  for (let index = 0; index < 250; index++) await objects.put(policy(`new-${index}`));
  await objects.remove('Policy', 'old-0', 'shop');
  held.mend();
  t.deepEqual(await nextOf(events, 2), ['connected', 'remove Policy shop old-0']);
  let turns = 0;
  setImmediate(() => turns++);
  t.is((await nextOf(events, 251)).at(-1), 'synced');
  t.is(turns, 0);
  await events.return(undefined);
});

test('snapshotAndWatch: an outage is told once, then what changed meanwhile; nothing is told twice', async (t) => {
  const { objects, store } = opened(t);
  await objects.put(policy('a'));
  const held = holding(store);
  const events = new ObjectStore(held.store).snapshotAndWatch(['Policy']);
  held.fail();
  t.deepEqual(await nextOf(events, 1), ['disconnected']);
  held.mend();
  t.deepEqual(await nextOf(events, 3), ['connected', 'put Policy a 1', 'synced']);
  const failing = nextOf(events, 1);
  held.fail();
  t.deepEqual(await failing, ['disconnected']);
  await objects.put(policy('b'));
  await objects.remove('Policy', 'a', 'shop');
  const mended = nextOf(events, 3);
  await held.refused();
  held.mend();
  t.deepEqual(await mended, ['connected', 'put Policy b 1', 'remove Policy shop a']);
  const ending = events.next();
  await store.close();
  await t.throwsAsync(ending, { code: 'ECLOSED' });
});

/** A store that can be made to fail as one that is not there. */
function holding(store: Store): { store: Store; fail(): void; mend(): void; refused(): Promise<void> } {
  let broken = new AbortController();
  let refusal = Promise.withResolvers<void>();
  const refuse = () => {
    if (!broken.signal.aborted) return;
    refusal.resolve();
    refusal = Promise.withResolvers();
    throw new StoreError('EUNAVAILABLE', 'out of order');
  };
  return {
    fail: () => broken.abort(),
    mend: () => {
      broken = new AbortController();
    },
    refused: () => refusal.promise,
    store: {
      get: async (key) => {
        refuse();
        return store.get(key);
      },
      list: async (prefix) => {
        refuse();
        return store.list(prefix);
      },
      async *watch(prefix, options) {
        refuse();
        yield* store.watch(prefix, { ...options, signal: broken.signal });
        refuse();
      },
      transact: (transaction) => store.transact(transaction),
      lease: (ttl) => store.lease(ttl),
      close: () => store.close(),
    },
  };
}
