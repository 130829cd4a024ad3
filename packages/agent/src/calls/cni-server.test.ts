import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeResponse, encodeRequest, MAX_REQUEST_BYTES } from '@weir/cni';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { serveCni } from './cni-server.ts';

async function serve(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-cni-server-'));
  const socketPath = join(folder, 'agent.sock');
  const handle = async ({ tool, stdin }: { tool: string; stdin: Buffer }) => ({ exitCode: 0, stdout: `${tool} ${stdin}`, stderr: '' });
  const server = serveCni({ socketPath, handle, log: pino({ level: 'silent' }) });
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
  t.is(decodeResponse(await exchange(socketPath, request)).exitCode, 0);
});

test('a launcher that is slow to send and slow to read has the whole of its answer', async (t) => {
  const socketPath = await serve(t);
  const stdin = Buffer.alloc(2_000_000, 'x');
  const whole = encodeRequest({ tool: 'weir', env: {}, stdin });
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  socket.write(whole.subarray(0, 10));
  await delay(20);
  socket.end(whole.subarray(10));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    if (chunks.length === 1) await delay(20);
  }
  t.is(decodeResponse(Buffer.concat(chunks)).stdout, `weir ${stdin}`);
});

test('ten megabytes are refused with an answer, whatever they are, and are not kept', async (t) => {
  const socketPath = await serve(t);
  for (const flood of [Buffer.concat([request, Buffer.alloc(10_000_000, '7')]), Buffer.alloc(10_000_000, 'x')]) {
    const { exitCode, stdout } = decodeResponse(await exchange(socketPath, flood));
    t.is(exitCode, 1);
    t.like(JSON.parse(stdout), {
      cniVersion: '0.1.0',
      code: 6,
      msg: `a call of ${flood.length} bytes: at most ${MAX_REQUEST_BYTES} are taken`,
    });
  }
  t.is(decodeResponse(await exchange(socketPath, request)).exitCode, 0);
});

test('a process of another user is refused, though the modes let it in', async (t) => {
  const socketPath = await serve(t);
  chmodSync(dirname(socketPath), 0o755);
  chmodSync(socketPath, 0o666);
  const script = `require('net').connect(process.argv[1]).on('error', () => {}).on('close', () => process.exit(7)).on('data', () => process.exit(0)).end(Buffer.from(process.argv[2], 'hex'))`;
  const ask = (uid: number) =>
    new Promise((resolve) => {
      spawn(process.execPath, ['-e', script, socketPath, request.toString('hex')], { uid, stdio: 'ignore' })
        .once('error', resolve)
        .once('exit', resolve);
    });
  t.is(await ask(process.getuid!()), 0);
  t.is(await ask(65534), 7);
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
