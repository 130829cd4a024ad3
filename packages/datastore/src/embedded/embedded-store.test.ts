import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { openStore } from '../open-store.ts';
import type { StoreEvent } from '../store.ts';
import type { EmbeddedOptions } from '../store-options.ts';
import { collect, PATIENCE, put, testStoreBehaviour } from '../testing/store-behaviour.ts';
import { monotonicNow } from './clock.ts';
import { openEmbeddedStore } from './embedded-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-embedded-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const options = (): EmbeddedOptions => ({ backend: 'embedded', path: join(folder, 'weir.db'), timeoutMilliseconds: PATIENCE });

testStoreBehaviour(test, {
  open: () => openStore(options()),
  options,
  revoke: async (lease) => {
    const database = new DatabaseSync(options().path);
    database.prepare('DELETE FROM leases WHERE id = ?').run(lease);
    database.close();
  },
  remaining: async (lease) => {
    using database = new DatabaseSync(options().path, { readOnly: true });
    const { expires } = database.prepare('SELECT expires FROM leases WHERE id = ?').get(lease) as { expires: number };
    return (expires - monotonicNow()) / 1000;
  },
});

test('several that open a new file at the same moment make it once, and nobody is refused', async (t) => {
  const arrivals = new Int32Array(new SharedArrayBuffer(4));
  const paths = Array.from({ length: 50 }, (_, index) => join(folder, `together-${index}.db`));
  const workers = 3;
  const refused = await Promise.all(
    Array.from({ length: workers }, async () => {
      const errors: string[] = [];
      const worker = new Worker(new URL('../testing/open-together-worker.ts', import.meta.url), {
        workerData: { arrivals, workers, paths },
      });
      worker.on('message', (error: string) => errors.push(error));
      await once(worker, 'exit');
      return errors;
    }),
  );
  t.deepEqual(refused.flat(), []);
});

test('a writer killed at any moment leaves whole transactions, a whole log, and no lock', async (t) => {
  const path = join(folder, 'crash.db');
  const store = openEmbeddedStore({ path, timeoutMilliseconds: PATIENCE });
  t.teardown(() => store.close());
  const seen: number[] = [];
  const watching = (async () => {
    for await (const { revision, events } of store.watch('/', { from: 2 })) {
      seen.push(revision);
      if (keyOf(events[0]!) === '/after') continue;
      // Each transaction writes both keys with one value.
      t.deepEqual(
        events.map((event) => (event.type === 'put' ? [event.entry.key, event.entry.value] : [])),
        ['/a', '/b'].map((key) => [key, event0Value(events[0]!)]),
      );
    }
  })();
  let acknowledged = 0;
  for (let round = 0; round < 8; round++) {
    const child = fork(new URL('../testing/write-process.ts', import.meta.url), [JSON.stringify({ ...options(), path })], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const enough = acknowledged + 1 + Math.floor(Math.random() * 400);
    const killed = once(child, 'exit');
    child.on('message', (revision: number) => {
      acknowledged = Math.max(acknowledged, revision);
      if (revision >= enough) child.kill('SIGKILL');
    });
    await killed;
    const [a, b] = await Promise.all([store.get('/a'), store.get('/b')]);
    t.is(a?.value, b?.value);
    t.true(a!.revision >= acknowledged, 'what was acknowledged is there');
    await put(store, '/after', `${round}`).then((revision) =>
      store.transact({ when: [{ key: '/after', revision }], then: [{ delete: '/after' }] }),
    );
    acknowledged = (await store.list('/')).revision;
  }
  const database = new DatabaseSync(path, { readOnly: true });
  t.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
  database.close();
  const whole = openEmbeddedStore({ path, timeoutMilliseconds: PATIENCE });
  const { revision } = await whole.list('/');
  const revisions = (await collect(whole, '/', 2, revision - 1)).map((change) => change.revision);
  t.deepEqual(
    revisions,
    Array.from({ length: revision - 1 }, (_, index) => index + 2),
  );
  await whole.close();
  await store.close();
  await t.throwsAsync(watching, { code: 'ECLOSED' });
  t.deepEqual(
    seen,
    seen.map((_, index) => index + 2),
  );
});

test('the log is bounded in changes and in octets; a watch from before fails with ECOMPACTED', async (t) => {
  const bounds = [
    { changes: 30, step: 10 },
    { octets: 30_000, step: 10 },
  ];
  for (const [number, bound] of bounds.entries()) {
    const store = openEmbeddedStore({ path: join(folder, `bounded-${number}.db`), timeoutMilliseconds: PATIENCE }, bound);
    t.teardown(() => store.close());
    for (let index = 0; index < 100; index++) await put(store, '/a', 'x'.repeat(1000));
    const { revision } = await store.list('/');
    t.is(revision, 101);
    t.is((await collect(store, '/', 80, 22)).length, 22);
    const error = await t.throwsAsync(collect(store, '/', 60, 1), { code: 'ECOMPACTED' });
    t.regex(error!.message, /revision 60 is no longer kept, the oldest is \d+; list again/);
  }
});

test.serial('a lock held too long is EUNAVAILABLE naming the file, does not stop the event loop, and passes', async (t) => {
  const path = join(folder, 'locked.db');
  const store = openEmbeddedStore({ path, timeoutMilliseconds: 200 });
  t.teardown(() => store.close());
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  const error = await t.throwsAsync(put(store, '/a', '1'), { code: 'EUNAVAILABLE' });
  clearInterval(turning);
  t.true(turns > 1);
  t.true(error!.message.includes(path));
  t.regex(error!.message, /another process held it locked/);
  const waiting = put(store, '/a', '2');
  other.exec('COMMIT');
  other.close();
  await t.notThrowsAsync(waiting);
});

test.serial('a loop that awaits nothing but the store does not stop the event loop', async (t) => {
  const store = await openStore({ ...options(), path: join(folder, 'loop.db') });
  t.teardown(() => store.close());
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  for (let index = 0; index < 1000; index++) await put(store, '/a', `${index}`);
  clearInterval(turning);
  t.true(turns > 3);
});

test('what is no store of ours is refused with the file and what to do', async (t) => {
  const garbage = join(folder, 'garbage.db');
  writeFileSync(garbage, 'no database'.repeat(100));
  const notOurs = await t.throwsAsync(openStore({ ...options(), path: garbage }), { code: 'EUNAVAILABLE' });
  t.true(notOurs!.message.includes(garbage));
  const newer = join(folder, 'newer.db');
  const database = new DatabaseSync(newer);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await t.throwsAsync(openStore({ ...options(), path: newer }), { code: 'EINVAL', message: /format 99.*reads format 1/ });
  await t.throwsAsync(openStore({ ...options(), path: '/dev/null/weir.db' }), { code: 'EUNAVAILABLE' });
});

test('a file that was put in the place of the one in use is neither read nor written, and said to be there', async (t) => {
  const path = join(folder, 'replaced.db');
  const first = await openStore({ ...options(), path });
  await put(first, '/a', 'old');
  await first.close();
  copyFileSync(path, `${path}.backup`);
  const store = await openStore({ ...options(), path });
  t.teardown(() => store.close());
  await put(store, '/a', 'new');
  const watching = collect(store, '/', 4, 1);
  renameSync(`${path}.backup`, path);
  await t.throwsAsync(watching, { code: 'EUNAVAILABLE', message: /another file was put in its place.*-wal/ });
  await t.throwsAsync(put(store, '/a', 'newer'), { code: 'EUNAVAILABLE' });
  await store.close();
  // As the message says.
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  const restored = await openStore({ ...options(), path });
  t.teardown(() => restored.close());
  t.is((await restored.get('/a'))?.value, 'old');
});

test('only its owner can read the file', async (t) => {
  const path = join(folder, 'new', 'private.db');
  const store = await openStore({ ...options(), path });
  t.teardown(() => store.close());
  await put(store, '/a', '1');
  for (const suffix of ['', '-wal', '-shm', '-bell']) t.is(statSync(path + suffix).mode & 0o777, 0o600, suffix);
});

test('leases of before the last boot are over', async (t) => {
  const path = join(folder, 'boot.db');
  const before = await openStore({ ...options(), path });
  const lease = await before.lease(3600);
  await before.transact({ when: [], then: [{ put: '/a', value: '1', lease: lease.id }] });
  await before.close();
  const database = new DatabaseSync(path);
  database.exec("UPDATE leases SET boot = 'another'");
  database.close();
  const store = await openStore({ ...options(), path });
  t.teardown(() => store.close());
  t.is(await store.get('/a'), undefined);
});

function event0Value(event: StoreEvent): string | undefined {
  return event.type === 'put' ? event.entry.value : undefined;
}

function keyOf(event: StoreEvent): string {
  return event.type === 'put' ? event.entry.key : event.key;
}
