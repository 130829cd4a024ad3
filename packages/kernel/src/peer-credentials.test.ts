import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { peerCredentials } from './peer-credentials.ts';

test('the other end of a unix socket is told by process, user and group', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
  const server = createServer().listen(join(folder, 'socket'));
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
  t.deepEqual(peerCredentials(fd), { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() });
});

test('what is no socket is an error', (t) => {
  t.throws(() => peerCredentials(-1), { code: 'EBADF' });
});
