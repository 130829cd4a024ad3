import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { MarathonClient } from './marathon-client.ts';

type Answer = (request: IncomingMessage, body: unknown) => { status: number; body: unknown };

async function serve(t: ExecutionContext, answer: Answer): Promise<MarathonClient> {
  const server = createServer(async (request, response) => {
    const body = request.headers['content-length'] ? await json(request) : undefined;
    const given = answer(request, body);
    response.writeHead(given.status, { 'content-type': 'application/json' }).end(JSON.stringify(given.body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return new MarathonClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

test('scaling puts the number of instances to the app', async (t) => {
  t.plan(3);
  const client = await serve(t, (request, body) => {
    t.is(request.method, 'PUT');
    t.is(request.url, '/v2/apps/policy-demo/access');
    t.deepEqual(body, { instances: 3 });
    return { status: 200, body: { version: '2026-01-01T00:00:00.000Z', deploymentId: 'd' } };
  });
  await client.scaleApp('/policy-demo/access', 3);
});

test("an error carries the status, Marathon's message and the fields", async (t) => {
  const client = await serve(t, () => ({
    status: 422,
    body: { message: 'Object is not valid', details: [{ path: '/id', errors: ['must not be empty'] }] },
  }));
  await t.throwsAsync(client.createApp({ id: 'x' }), {
    code: 'EHTTP',
    message: 'Marathon refused POST /v2/apps: Object is not valid; /id: must not be empty',
  });
});

test('an answer of another shape is named', async (t) => {
  const client = await serve(t, () => ({ status: 200, body: { app: { id: 7 } } }));
  await t.throwsAsync(client.getApp('/x'), { code: 'EANSWER', message: /app\.id/ });
});

test('no Marathon', async (t) => {
  await t.throwsAsync(new MarathonClient({ url: 'http://127.0.0.1:1' }).listApps(), { code: 'EUNAVAILABLE', message: /ECONNREFUSED/ });
});
