import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BirdControl } from './bird-control.ts';

/** Answers each command with what stands for it, in pieces as the socket has them. */
async function birdThat(t: ExecutionContext, answers: Record<string, string[]>): Promise<{ path: string; end: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bird-'));
  const path = join(folder, 'bird.ctl');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.write('0001 BIRD 2.0.12 ready.\n');
    socket.on('data', (data) => {
      for (const command of String(data).trim().split('\n')) for (const piece of answers[command] ?? []) socket.write(piece);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const end = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  t.teardown(() => {
    end();
    rmSync(folder, { recursive: true });
  });
  return { path, end };
}

test('answers of one line and of many, with continuations, and what BIRD says in between', async (t) => {
  const { path } = await birdThat(t, {
    'eval X': ['0023 abc\n'],
    'show protocols all': ['1002-tor BGP\n1006-  BGP state: ', 'Established\n   Routes: 3\n+something else\n', '\n', '0000 \n'],
    bad: ['9001 syntax error\n'],
  });
  const control = await BirdControl.connect(path);
  // One after the other, however they are asked.
  const [first, second, third] = await Promise.all([control.ask('eval X'), control.ask('show protocols all'), control.ask('bad')]);
  t.deepEqual(first, { lines: ['abc'], code: 23 });
  t.deepEqual(second, { lines: ['tor BGP', '  BGP state: Established', '  Routes: 3', ''], code: 0 });
  t.deepEqual(third, { lines: ['syntax error'], code: 9001 });
  control.close();
  await control.closed;
});

test('nobody there, and a BIRD that ends before it answers', async (t) => {
  await t.throwsAsync(BirdControl.connect('/none/bird.ctl'), { code: 'EBIRD', message: /no BIRD answers at \/none\/bird\.ctl/ });
  const { path, end } = await birdThat(t, {});
  const control = await BirdControl.connect(path);
  const answer = control.ask('show status');
  setTimeout(end, 50);
  await t.throwsAsync(answer, { code: 'EBIRD', message: /BIRD ended before it answered/ });
  await control.closed;
});

test('a BIRD that is killed before it has read a question: the connection is reset, and its end is told as any other', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bird-'));
  const path = join(folder, 'bird.ctl');
  const server = createServer({ pauseOnConnect: true });
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  server.listen(path);
  await once(server, 'listening');
  const connecting = BirdControl.connect(path);
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.write('0001 BIRD 2.0.12 ready.\n');
  const control = await connecting;
  const answer = control.ask('show status');
  // The question is in the socket by the next turn of the event loop.
  setImmediate(() => socket.destroy());
  await t.throwsAsync(answer, { code: 'EBIRD', message: /BIRD ended before it answered/ });
  await control.closed;
});
