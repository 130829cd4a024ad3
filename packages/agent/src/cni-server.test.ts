import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeResponse, encodeRequest, MAX_REQUEST_BYTES } from '@weir/cni';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { serveCni } from './cni-server.ts';

async function serve(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-cni-server-'));
  const socketPath = join(folder, 'agent.sock');
  const handle = async ({ tool, stdin }: { tool: string; stdin: Buffer }) => ({ exitCode: 0, stdout: `${tool} ${stdin}`, stderr: '' });
  const server = await serveCni({ socketPath, handle, log: pino({ level: 'silent' }) });
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return socketPath;
}

/** Sends the bytes, ends its side, and resolves with all that comes back. */
function exchange(socketPath: string, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ path: socketPath, allowHalfOpen: true }, () => socket.end(bytes));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

const request = encodeRequest({ tool: 'weir', env: { CNI_COMMAND: 'ADD' }, stdin: Buffer.from('{}') });

test('a request is answered, and only root can make one', async (t) => {
  const socketPath = await serve(t);
  t.is(statSync(socketPath).mode & 0o777, 0o600);
  t.deepEqual(decodeResponse(await exchange(socketPath, request)), { exitCode: 0, stdout: 'weir {}', stderr: '' });
});

test('garbage, half a request and one that never ends get no answer and harm nobody', async (t) => {
  const socketPath = await serve(t);
  t.is((await exchange(socketPath, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).length, 0);
  t.is((await exchange(socketPath, request.subarray(0, 10))).length, 0);
  t.is((await exchange(socketPath, Buffer.concat([request, Buffer.alloc(MAX_REQUEST_BYTES)]))).length, 0);
  t.is(decodeResponse(await exchange(socketPath, request)).exitCode, 0);
});

test('a launcher that goes away in the middle harms nobody', async (t) => {
  const socketPath = await serve(t);
  await new Promise<void>((resolve) => {
    const socket = connect(socketPath, () => {
      socket.write(request.subarray(0, 10));
      socket.destroy();
      resolve();
    });
  });
  t.is(decodeResponse(await exchange(socketPath, request)).exitCode, 0);
});
