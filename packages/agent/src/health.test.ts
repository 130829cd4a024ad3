import type { AddressInfo } from 'node:net';
import test from 'ava';
import { type Readiness, serveHealth } from './health.ts';
import { createMetrics } from './metrics.ts';

test('health, readiness with its reasons, and metrics', async (t) => {
  let readiness: Readiness = { ready: true, reasons: [] };
  const { registry, endpoints } = createMetrics();
  endpoints.set(3);
  const server = await serveHealth({ listen: '127.0.0.1:0', readiness: () => readiness, metrics: registry });
  t.teardown(() => server.close());
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
    return { status: response.status, body: await response.text() };
  };
  t.deepEqual(await get('/healthz'), { status: 200, body: 'ok\n' });
  t.is((await get('/readyz')).status, 200);
  readiness = { ready: false, reasons: ['the store has not been read yet'] };
  const { status, body } = await get('/readyz');
  t.is(status, 503);
  t.deepEqual(JSON.parse(body), readiness);
  t.regex((await get('/metrics')).body, /^weir_endpoints 3$/m);
  t.is((await get('/nothing')).status, 404);
});

test('a port that another process has is said with what to do', async (t) => {
  const options = { readiness: () => ({ ready: true, reasons: [] }), metrics: createMetrics().registry };
  const server = await serveHealth({ ...options, listen: '127.0.0.1:0' });
  t.teardown(() => server.close());
  const listen = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await t.throwsAsync(serveHealth({ ...options, listen }), {
    code: 'ECONFIG',
    message: `http: cannot listen on ${listen}: another process has it\nend that process, or give another address and port in "http" of the agent's configuration`,
  });
});
