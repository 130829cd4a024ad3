import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { receivedByNow } from './received-by-now.ts';

test('what has arrived is taken, and that no more will come is told', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
  const server = createServer({ pauseOnConnect: true }).listen(join(folder, 'socket'));
  await once(server, 'listening');
  const client = connect(join(folder, 'socket'));
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    client.destroy();
    socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  t.like(receivedByNow(fd), { ended: false, bytes: { length: 0 } });
  const write = (bytes: Buffer) => new Promise((resolve) => client.write(bytes, resolve));
  await write(Buffer.from('half'));
  const half = receivedByNow(fd);
  t.is(half.bytes.toString(), 'half');
  t.false(half.ended);
  await write(Buffer.alloc(100_000, 'x'));
  t.like(receivedByNow(fd), { ended: false, bytes: { length: 65536 } }, 'at most as much at once');
  await new Promise<void>((resolve) => client.end(resolve));
  t.like(receivedByNow(fd), { ended: true, bytes: { length: 100_000 - 65536 } });
});

test('who sends a little again and again is waited for no longer than who sends nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
  const server = createServer({ pauseOnConnect: true }).listen(join(folder, 'socket'));
  await once(server, 'listening');
  const program = `const s = require('net').connect(process.argv[1]); setInterval(() => s.write('x'), 1); setTimeout(() => process.exit(), 20_000);`;
  const client = spawn(process.execPath, ['-e', program, join(folder, 'socket')], { stdio: 'ignore' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    client.kill();
    socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  t.false(receivedByNow(fd, { patience: 50 }).ended);
});

test('what is no socket is an error', (t) => {
  t.throws(() => receivedByNow(-1), { code: 'EBADF' });
});
