import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkDocker } from './docker.ts';

/** An engine with these networks. */
async function engine(t: ExecutionContext, names: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-engine-'));
  const socket = join(folder, 'docker.sock');
  const server = createServer((request, response) => {
    const isAsked = decodeURIComponent(request.url!) === '/networks?filters={"driver":["weir"]}';
    response.end(JSON.stringify(isAsked ? names.map((Name) => ({ Name })) : {}));
  });
  server.listen(socket);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { docker: { socket, plugins: folder, interval: 1, orphanGrace: 60 } };
}

test('a host whose agent serves no Docker is asked nothing', async (t) => {
  t.deepEqual(await checkDocker({}), []);
});

test('the networks of an engine are named; one without any is told how to make one', async (t) => {
  const [check] = await checkDocker(await engine(t, ['web', 'shop']));
  t.is(check?.status, 'ok');
  t.regex(check!.found, /networks of Weir: shop, web$/);
  t.like((await checkDocker(await engine(t, [])))[0], { status: 'warning' });
});

test('an engine that does not answer is a failure', async (t) => {
  const docker = { socket: '/nowhere/docker.sock', plugins: '/nowhere', interval: 1, orphanGrace: 60 };
  t.like((await checkDocker({ docker }))[0], { status: 'failed' });
});
