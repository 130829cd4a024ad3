import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MesosAgentClient } from './mesos-agent-client.ts';

async function serve(t: ExecutionContext, answer: (request: IncomingMessage) => { status?: number; body: unknown }): Promise<string> {
  const server = createServer((request, response) => {
    const { status = 200, body } = answer(request);
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const TASKS = { type: 'GET_TASKS', get_tasks: { launched_tasks: [{ task_id: { value: 't' }, framework_id: { value: 'f' } }] } };
const STATE = { frameworks: [{ id: 'f', name: 'x', executors: [{ id: 't', container: 'c1' }] }] };

test('asks with name and password, or with a token, which may be renewed in its file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-mesos-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, 'first\n');
  const seen: (string | undefined)[] = [];
  const url = await serve(t, ({ url: path, headers }) => {
    seen.push(headers.authorization);
    return { body: path === '/state' ? STATE : TASKS };
  });
  t.deepEqual([...(await new MesosAgentClient({ url, user: 'weir', passwordFile: file }).containers()).keys()], ['c1']);
  const client = new MesosAgentClient({ url, tokenFile: file, tokenScheme: 'token' });
  await client.containers();
  writeFileSync(file, 'second');
  await client.containers();
  t.deepEqual(
    seen.filter((_, index) => index % 2 === 0),
    [`Basic ${btoa('weir:first')}`, 'token first', 'token second'],
  );
});

test('a Mesos agent that recovers, is away or tells nonsense', async (t) => {
  const recovering = await serve(t, ({ url }) =>
    url === '/state' ? { body: STATE } : { status: 503, body: 'Agent has not finished recovery' },
  );
  await t.throwsAsync(new MesosAgentClient({ url: recovering }).containers(), {
    code: 'EHTTP',
    message: /503: Agent has not finished recovery/,
  });
  await t.throwsAsync(new MesosAgentClient({ url: 'http://127.0.0.1:1' }).containers(), { code: 'EUNAVAILABLE', message: /ECONNREFUSED/ });
  const mad = await serve(t, () => ({ body: { frameworks: [{ id: 7 }] } }));
  await t.throwsAsync(new MesosAgentClient({ url: mad }).containers(), { code: 'EANSWER', message: /frameworks/ });
  const half = await serve(t, () => ({ body: '{"frameworks": [' }));
  await t.throwsAsync(new MesosAgentClient({ url: half }).containers(), { code: 'EANSWER' });
});
