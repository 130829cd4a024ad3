import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestFn } from 'ava';
import fc from 'fast-check';
import type { Change, Condition, Entry, LeaseId, Operation, Store, StoreEvent, TransactionResult } from '../store.ts';
import type { StoreOptions } from '../store-options.ts';
import { increment } from './increment.ts';

export interface Backend {
  /** Opens a further client of the one store that the test file set up. */
  open(): Promise<Store>;
  /** How another process opens the same store. */
  options(): StoreOptions;
  /** Ends a lease behind its holder's back. */
  revoke(lease: LeaseId): Promise<void>;
  /** Seconds until the lease ends, unless its holder renews it. */
  remaining(lease: LeaseId): Promise<number>;
}

/** Of a test's store, in milliseconds: no test waits for it, and the machine may be busy. */
export const PATIENCE = 60_000;

/** Registers the tests that every backend has to pass. */
export function testStoreBehaviour(test: TestFn, { open, options, revoke, remaining }: Backend): void {
  // Each test works below a folder of its own in the one store, so that they run side by side.
  let folders = 0;
  const folder = () => `/test-${String(++folders).padStart(4, '0')}`;

  test('get: absent is undefined; created stays, revision moves on', async (t) => {
    const store = await opened(t, open);
    const key = `${folder()}/a`;
    t.is(await store.get(key), undefined);
    const first = await put(store, key, '1');
    t.deepEqual(await store.get(key), { key, value: '1', revision: first, created: first });
    const second = await put(store, key, '2');
    t.true(second > first);
    t.deepEqual(await store.get(key), { key, value: '2', revision: second, created: first });
    await store.transact({ when: [], then: [{ delete: key }] });
    const third = await put(store, key, '3');
    t.deepEqual(await store.get(key), { key, value: '3', revision: third, created: third });
  });

  test('list: sorted by UTF-8 bytes, a prefix is plain text', async (t) => {
    const store = await opened(t, open);
    const root = folder();
    // '😀' sorts after '\uffee' by bytes, before it by JavaScript's own order.
    const names = ['', '-b', '.', '/', '/a', '/b', '/b/c', '0', 'b', '\uffee', '😀'];
    for (const name of names.toReversed()) await put(store, root + name, name);
    t.deepEqual(
      await keysOf(store, root),
      names.map((name) => root + name),
    );
    t.deepEqual(await keysOf(store, `${root}/`), [`${root}/`, `${root}/a`, `${root}/b`, `${root}/b/c`]);
    t.deepEqual(await keysOf(store, `${root}/b`), [`${root}/b`, `${root}/b/c`]);
    t.deepEqual(await keysOf(store, `${root}nothing`), []);
    t.true((await keysOf(store, '')).includes(`${root}b`));
  });

  test('values: unicode, empty, 1 MB', async (t) => {
    const store = await opened(t, open);
    const root = folder();
    const large = 'ä€😀 '.repeat(100_000);
    t.is(Buffer.byteLength(large), 1_000_000);
    for (const [name, value] of Object.entries({ large, empty: '', unicode: '{"name":"Straße 東京 \u0000 \\n 😀"}' })) {
      await put(store, `${root}/${name}`, value);
      t.is((await store.get(`${root}/${name}`))?.value, value);
    }
  });

  test('list: the keys alone, when that is all that is wanted', async (t) => {
    const store = await opened(t, open);
    const root = folder();
    await put(store, `${root}/b`, '2');
    await put(store, `${root}/a`, '1');
    const { entries } = await store.list(root);
    const keys = await store.list(root, { keysOnly: true });
    t.deepEqual(
      keys.entries,
      entries.map((entry) => ({ ...entry, value: '' })),
    );
  });

  test('transact: all or nothing, and the current entries when refused', async (t) => {
    const store = await opened(t, open);
    const root = folder();
    const [a, b] = [`${root}/a`, `${root}/b`];
    const revision = await put(store, a, '1');
    const before = await store.list(root);
    const refused = await store.transact({
      when: [
        { key: b, revision: 0 },
        { key: a, revision: revision + 1 },
      ],
      then: [{ put: b, value: 'x' }, { delete: a }],
    });
    t.deepEqual(refused, { committed: false, current: [undefined, { key: a, value: '1', revision, created: revision }] });
    t.deepEqual((await store.list(root)).entries, before.entries);
    const done = await store.transact({
      when: [
        { key: b, revision: 0 },
        { key: a, revision },
      ],
      then: [{ put: b, value: 'x' }, { delete: a }],
    });
    t.true(done.committed);
    t.deepEqual(await keysOf(store, root), [b]);
  });

  test('transact: deletes of absent keys change nothing; a key stands once; the empty key and oversize are refused', async (t) => {
    const store = await opened(t, open);
    const key = `${folder()}/a`;
    t.true((await store.transact({ when: [], then: [{ delete: key }] })).committed);
    t.true((await store.transact({ when: [{ key, revision: 0 }], then: [] })).committed);
    for (const then of [
      [{ put: key, value: '1' }, { delete: key }],
      [{ put: '', value: '1' }],
      [{ put: key, value: 'x'.repeat(1_500_001) }],
      Array.from({ length: 129 }, (_, index) => ({ delete: key + index })),
    ]) {
      await t.throwsAsync(store.transact({ when: [], then }), { name: 'StoreError', code: 'EINVAL' });
    }
    t.is(await store.get(key), undefined);
  });

  test('transact: of parallel clients exactly one creates, and no increment is lost', async (t) => {
    const stores = await Promise.all([opened(t, open), opened(t, open), opened(t, open)]);
    const root = folder();
    const created = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        stores[index % 3]!.transact({ when: [{ key: `${root}/once`, revision: 0 }], then: [{ put: `${root}/once`, value: `${index}` }] }),
      ),
    );
    t.is(created.filter(({ committed }) => committed).length, 1);
    await Promise.all(stores.map((store) => increment(store, `${root}/counter`, 20)));
    t.is((await stores[0]!.get(`${root}/counter`))?.value, '60');
  });

  test('transact: no increment is lost between processes', async (t) => {
    const store = await opened(t, open);
    const key = `${folder()}/counter`;
    const children = [1, 2, 3].map(() => fork(new URL('./increment-process.ts', import.meta.url), [JSON.stringify(options()), key, '100']));
    t.teardown(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    t.deepEqual(await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0])), [0, 0, 0]);
    t.is((await store.get(key))?.value, '300');
  });

  test('watch: from a past revision, then what comes', async (t) => {
    const [store, other] = await Promise.all([opened(t, open), opened(t, open)]);
    const root = folder();
    const [a, b] = [`${root}/a`, `${root}/b`];
    const first = await put(store, a, '1');
    await put(store, `${root.slice(0, -1)}!`, 'elsewhere');
    const second = await revisionOf(store.transact({ when: [], then: [{ put: b, value: '2' }, { delete: a }] }));
    const changes = store.watch(root, { from: first })[Symbol.asyncIterator]();
    t.deepEqual((await changes.next()).value, {
      revision: first,
      events: [{ type: 'put', entry: { key: a, value: '1', revision: first, created: first } }],
    });
    t.deepEqual((await changes.next()).value, {
      revision: second,
      events: [
        { type: 'put', entry: { key: b, value: '2', revision: second, created: second } },
        { type: 'delete', key: a, revision: second },
      ],
    });
    const pending = changes.next();
    const third = await put(other, b, '3');
    t.deepEqual((await pending).value, {
      revision: third,
      events: [{ type: 'put', entry: { key: b, value: '3', revision: third, created: second } }],
    });
    await changes.return?.();
  });

  test('watch: 1,000 writes of several clients, none missing, none twice, whole revisions', async (t) => {
    const [watcher, late, ...writers] = await Promise.all(Array.from({ length: 4 }, () => opened(t, open)));
    const root = folder();
    const { revision } = await watcher!.list(root);
    const collecting = collect(watcher!, root, revision + 1, 1000);
    const written = (
      await Promise.all(
        writers.map(async (writer, number) => {
          const revisions: number[] = [];
          for (let index = 0; index < 500; index++) {
            const then = [0, 1].map((part) => ({ put: `${root}/${number}/${index % 7}/${part}`, value: `${index}` }));
            revisions.push(await revisionOf(writer.transact({ when: [], then })));
          }
          return revisions;
        }),
      )
    ).flat();
    const seen = await collecting;
    t.deepEqual(
      seen.map((change) => change.revision),
      written.toSorted((a, b) => a - b),
    );
    t.true(seen.every(({ events }) => events.length === 2));
    t.deepEqual(await collect(late!, root, revision + 1, 1000), seen);
  });

  test('watch: of a revision far ahead is another history: EHISTORY', async (t) => {
    const store = await opened(t, open);
    const { revision } = await store.list('/');
    await t.throwsAsync(collect(store, '/', revision + 1_000_000, 1), { code: 'EHISTORY' });
  });

  test('watch: an abort ends it, also while waiting; a close fails it with ECLOSED', async (t) => {
    const store = await opened(t, open);
    const root = folder();
    const { revision } = await store.list(root);
    const abort = new AbortController();
    const aborted = collect(store, root, revision + 1, 2, abort.signal);
    const closed = collect(store, root, revision + 1, 2);
    await put(store, `${root}/a`, '1');
    abort.abort();
    t.true((await aborted).length <= 1);
    await Promise.all([t.throwsAsync(closed, { code: 'ECLOSED' }), store.close()]);
    await store.close();
    await t.throwsAsync(store.get(`${root}/a`), { code: 'ECLOSED' });
    await t.throwsAsync(store.list(root), { code: 'ECLOSED' });
    await t.throwsAsync(store.transact({ when: [], then: [] }), { code: 'ECLOSED' });
    await t.throwsAsync(store.lease(5), { code: 'ECLOSED' });
    await t.throwsAsync(collect(store, root, 1, 1), { code: 'ECLOSED' });
  });

  test('lease: keeps its keys while held, deletes them in one revision when revoked', async (t) => {
    const store = await opened(t, open);
    const root = folder();
    // Renewed every 4 seconds, so that 8 of a busy machine's are not enough to lose it.
    const lease = await store.lease(12);
    const revision = await revisionOf(
      store.transact({ when: [], then: ['a', 'b', 'c'].map((name) => ({ put: `${root}/${name}`, value: '', lease: lease.id })) }),
    );
    t.is((await store.get(`${root}/c`))?.lease, lease.id);
    t.is((await store.list(`${root}/c`)).entries[0]?.lease, lease.id);
    // A put without lease takes the key off it.
    const stays = await put(store, `${root}/c`, 'stays');
    t.true(stays > revision);
    t.is((await store.get(`${root}/c`))?.lease, undefined);
    const ended = collect(store, root, stays + 1, 1);
    const renewed = (async () => {
      for (let least = 12; ; await delay(50)) {
        const left = await remaining(lease.id);
        if (left > least) return 'renewed';
        least = left;
      }
    })();
    t.is(await Promise.race([ended, lease.lost, renewed]), 'renewed');
    await lease.revoke();
    const [change] = await ended;
    t.deepEqual(change!.events.map(keyOfEvent).toSorted(), [`${root}/a`, `${root}/b`]);
    t.deepEqual(await keysOf(store, root), [`${root}/c`]);
    await lease.revoke();
    await t.throwsAsync(store.transact({ when: [], then: [{ put: `${root}/d`, value: '', lease: lease.id }] }), { code: 'ELEASE' });
  });

  test('lease: a process that was killed keeps none', async (t) => {
    const store = await opened(t, open);
    const key = `${folder()}/presence`;
    const { revision } = await store.list(key);
    const child = fork(new URL('./hold-lease-process.ts', import.meta.url), [JSON.stringify(options()), key]);
    t.teardown(() => child.kill('SIGKILL'));
    const changes = store.watch(key, { from: revision + 1 })[Symbol.asyncIterator]();
    t.is((await changes.next()).value.events[0].type, 'put');
    child.kill('SIGKILL');
    t.is((await changes.next()).value.events[0].type, 'delete');
    t.is(await store.get(key), undefined);
    await changes.return?.();
  });

  test('lease: lost is told when another ends it', async (t) => {
    const store = await opened(t, open);
    const lease = await store.lease(1);
    await revoke(lease.id);
    await lease.lost;
    t.pass();
  });

  test('any list of operations does what a plain map with a counter does', async (t) => {
    const store = await opened(t, open);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const root = `${folder()}/`;
        const start = (await store.list(root)).revision;
        const model = new Model(root);
        for (const { when, then } of steps) {
          const conditions = when.map(({ name, holds }) => ({
            key: root + name,
            revision: (model.entries.get(root + name)?.revision ?? 0) + (holds ? 0 : 1),
          }));
          const result = await store.transact({ when: conditions, then: then.map((operation) => below(root, operation)) });
          const wanted = model.transact(
            conditions,
            then.map((operation) => below(root, operation)),
            result,
          );
          t.deepEqual(result, wanted);
          t.deepEqual((await store.list(`${root}a`)).entries, model.list(`${root}a`));
        }
        t.deepEqual((await store.list(root)).entries, model.list(root));
        t.deepEqual(await collect(store, root, start + 1, model.changes.length), model.changes);
      }),
      { numRuns: 30 },
    );
  });
}

const name = fc.constantFrom('a', 'a/', 'a/b', 'ab', 'b', '😀', '\uffee');
const operation = fc.oneof(fc.record({ put: name, value: fc.string({ unit: 'grapheme', maxLength: 8 }) }), fc.record({ delete: name }));
const step = fc.record({
  when: fc.array(fc.record({ name, holds: fc.boolean().map((no) => !no) }), { maxLength: 2 }),
  then: fc.uniqueArray(operation, { maxLength: 4, selector: (one) => ('put' in one ? one.put : one.delete) }),
});

function below(root: string, one: Operation): Operation {
  return 'put' in one ? { ...one, put: root + one.put } : { delete: root + one.delete };
}

/** The semantics in the plainest form. Other tests share the store, so only the order of revisions is known beforehand. */
class Model {
  readonly entries = new Map<string, Entry>();
  readonly changes: Change[] = [];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  transact(when: Condition[], then: Operation[], result: TransactionResult): TransactionResult {
    const current = when.map(({ key }) => this.entries.get(key));
    if (when.some(({ revision }, index) => revision !== (current[index]?.revision ?? 0))) return { committed: false, current };
    const revision = result.committed ? result.revision : Number.NaN;
    const events: StoreEvent[] = [];
    for (const one of then) {
      if ('delete' in one) {
        if (this.entries.delete(one.delete)) events.push({ type: 'delete', key: one.delete, revision });
      } else {
        const entry = { key: one.put, value: one.value, revision, created: this.entries.get(one.put)?.created ?? revision };
        this.entries.set(one.put, entry);
        events.push({ type: 'put', entry });
      }
    }
    const last = this.changes.at(-1)?.revision ?? 0;
    if (events.length > 0) {
      if (revision <= last) throw new Error(`below ${this.#root}, revision ${revision} follows ${last}`);
      this.changes.push({ revision, events });
    }
    return { committed: true, revision };
  }

  list(prefix: string): Entry[] {
    const entries = [...this.entries.values()].filter(({ key }) => key.startsWith(prefix));
    return entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }
}

async function opened(t: { teardown(end: () => Promise<void>): void }, open: Backend['open']): Promise<Store> {
  const store = await open();
  t.teardown(() => store.close());
  return store;
}

async function revisionOf(transaction: Promise<TransactionResult>): Promise<number> {
  const result = await transaction;
  if (!result.committed) throw new Error('the transaction was refused');
  return result.revision;
}

export function put(store: Store, key: string, value: string): Promise<number> {
  return revisionOf(store.transact({ when: [], then: [{ put: key, value }] }));
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  return (await store.list(prefix)).entries.map(({ key }) => key);
}

function keyOfEvent(event: StoreEvent): string {
  return event.type === 'put' ? event.entry.key : event.key;
}

/** The first `count` changes. */
export async function collect(store: Store, prefix: string, from: number, count: number, signal?: AbortSignal): Promise<Change[]> {
  const changes: Change[] = [];
  if (count === 0) return changes;
  for await (const change of store.watch(prefix, { from, signal })) {
    changes.push(change);
    if (changes.length === count) break;
  }
  return changes;
}
