import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fileLock } from './file-lock.ts';
import { openDescriptors } from './testing/temporary-namespace.ts';

function lockPath(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return join(folder, 'lock');
}

test.serial('one holds it at a time, and whoever waits gets it when it is free', async (t) => {
  const path = lockPath(t);
  const first = await fileLock(path);
  await t.throwsAsync(fileLock(path), { code: 'EAGAIN', message: new RegExp(`^flock ${path}: .*another process holds it$`) });
  let free = false;
  const second = fileLock(path, { wait: 10_000 }).then((lock) => {
    t.true(free);
    return lock;
  });
  setImmediate(() => {
    free = true;
    first.release();
  });
  (await second).release();
  using again = await fileLock(path);
  t.is(again.path, path);
});

test.serial('waiting ends in time, and the event loop goes on meanwhile', async (t) => {
  const path = lockPath(t);
  using _held = await fileLock(path);
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 1);
  const began = performance.now();
  await t.throwsAsync(fileLock(path, { wait: 60 }), { code: 'EAGAIN', message: /still after 60 ms/ });
  clearInterval(ticking);
  t.true(performance.now() - began >= 59);
  t.true(turns > 3);
});

test.serial('a signal ends the wait', async (t) => {
  const path = lockPath(t);
  using _held = await fileLock(path);
  const controller = new AbortController();
  const waiting = fileLock(path, { wait: 60_000, signal: controller.signal });
  controller.abort();
  await t.throwsAsync(waiting, { name: 'AbortError' });
});

test.serial('shared locks go together, and keep an exclusive one out', async (t) => {
  const path = lockPath(t);
  using _one = await fileLock(path, { shared: true });
  using _two = await fileLock(path, { shared: true });
  await t.throwsAsync(fileLock(path), { code: 'EAGAIN' });
});

test.serial('a lock ends with a process that is killed', async (t) => {
  const path = lockPath(t);
  const script = `import { fileLock } from ${JSON.stringify(import.meta.resolve('./file-lock.ts'))}; await fileLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await t.throwsAsync(fileLock(path), { code: 'EAGAIN' });
  child.kill('SIGKILL');
  using _lock = await fileLock(path, { wait: 20_000 });
  t.pass();
});

test.serial('a lock on a file that was removed is not mistaken for the lock', async (t) => {
  const path = lockPath(t);
  const stale = await fileLock(path);
  unlinkSync(path);
  using _fresh = await fileLock(path);
  stale.release();
  await t.throwsAsync(fileLock(path), { code: 'EAGAIN' });
});

test.serial('a thousand locks and refusals leave no file descriptor open', async (t) => {
  const path = lockPath(t);
  (await fileLock(path)).release();
  const before = openDescriptors();
  for (let round = 0; round < 1000; round += 1) {
    const lock = await fileLock(path);
    await t.throwsAsync(fileLock(path));
    lock.release();
    lock.release();
  }
  t.is(openDescriptors(), before);
});

test.serial('a path that cannot be is an error by name', async (t) => {
  await t.throwsAsync(fileLock('/proc/no-such-folder/lock'), { code: 'ENOENT', message: /^flock \/proc\/no-such-folder\/lock: / });
});
