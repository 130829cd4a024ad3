import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { receivedByNow } from './received-by-now.ts';
import { sentByNow } from './sent-by-now.ts';
import { UnixListener } from './unix-listener.ts';

const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
test.after.always(() => rmSync(folder, { recursive: true }));

test('connections are descriptors, many at once; the file has its mode, takes the place of another, and goes with the listener', async (t) => {
  const path = join(folder, 'many');
  writeFileSync(path, 'left by a process that was killed');
  const listener = new UnixListener(path, {
    mode: 0o600,
    connected: (fd) => {
      sentByNow(fd, Buffer.from(`${receivedByNow(fd, { patience: 1000 }).bytes}!`));
      closeSync(fd);
    },
    failed: (error) => t.fail(error.message),
  });
  t.is(statSync(path).mode & 0o777, 0o600);
  const answers = Array.from({ length: 50 }, async (_, index) => {
    const socket = connect({ path, allowHalfOpen: true }).end(String(index));
    const [answer] = await once(socket, 'data');
    return String(answer);
  });
  t.deepEqual(
    await Promise.all(answers),
    Array.from({ length: 50 }, (_, index) => `${index}!`),
  );
  listener.close();
  t.false(existsSync(path));
});

test('what is settled for a connection goes on at once', async (t) => {
  const path = join(folder, 'settled');
  const listener = new UnixListener(path, {
    mode: 0o600,
    connected: async (fd) => {
      await Promise.resolve();
      sentByNow(fd, Buffer.from('answer'));
      closeSync(fd);
    },
    failed: (error) => t.fail(error.message),
  });
  t.teardown(() => listener.close());
  // From a process that gives this one no other turn.
  const client = spawn('bash', [
    '-c',
    `exec "$0" -e 'require("net").connect(process.argv[1]).on("data", (d) => console.log(String(d)))' "$1"`,
    process.execPath,
    path,
  ]);
  const [line] = await once(createInterface({ input: client.stdout }), 'line');
  t.is(line, 'answer');
});

test('a connection for which there is no descriptor is taken when there is one', async (t) => {
  const path = join(folder, 'none-left');
  const program = `
    import { closeSync, openSync } from 'node:fs';
    const { UnixListener } = await import(${JSON.stringify(new URL('unix-listener.ts', import.meta.url).href)});
    const { sentByNow } = await import(${JSON.stringify(new URL('sent-by-now.ts', import.meta.url).href)});
    const held = [];
    const connected = (fd) => { sentByNow(fd, Buffer.from('taken')); closeSync(fd); process.exit(); };
    const failed = ({ code }) => { console.log(code); for (const fd of held.splice(0)) closeSync(fd); };
    new UnixListener(${JSON.stringify(path)}, { mode: 0o600, connected, failed });
    try { for (;;) held.push(openSync('/dev/null')); } catch {}
    process.stdout.write('full\\n');`;
  const server = spawn('bash', ['-c', 'ulimit -n 60; exec "$0" --input-type=module -e "$1"', process.execPath, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  t.is((await lines.next()).value, 'full');
  const socket = connect(path);
  const answer = once(socket, 'data');
  t.is((await lines.next()).value, 'EMFILE');
  t.is(String((await answer)[0]), 'taken');
});

test('a path that is too long, or in no folder, is refused', (t) => {
  const of = { mode: 0o600, connected: () => {}, failed: () => {} };
  t.throws(() => new UnixListener(join(folder, 'x'.repeat(120)), of), { instanceOf: RangeError, message: /at most 107 bytes/ });
  t.throws(() => new UnixListener(join(folder, 'no', 'folder'), of), { code: 'ENOENT' });
});
