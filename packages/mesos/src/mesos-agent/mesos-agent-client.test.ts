import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { MesosAgentClient } from './mesos-agent-client.ts';

type Call = Pick<IncomingMessage, 'headers'> & { url: string; type: string };

async function serve(t: ExecutionContext, answer: (call: Call) => { status?: number; body: unknown }): Promise<string> {
  const server = createServer(async (request, response) => {
    const { type = '' } = request.method === 'POST' ? ((await json(request)) as { type?: string }) : {};
    const { status = 200, body } = answer({ headers: request.headers, url: request.url!, type });
    if (status === 0) return;
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const [F, E] = [{ framework_id: { value: 'f' } }, { executor_id: { value: 't' } }];
const ANSWERS: Record<string, object> = {
  GET_CONTAINERS: { type: 'GET_CONTAINERS', get_containers: { containers: [{ ...F, ...E, container_id: { value: 'c1' } }] } },
  GET_STATE: { type: 'GET_STATE', get_state: { get_tasks: { launched_tasks: [{ ...F, task_id: { value: 't' } }] } } },
};
const STATE = { frameworks: [{ id: 'f', name: 'x', executors: [{ id: 't', container: 'c1', tasks: [{ id: 't' }] }] }] };

test('asks with name and password, or with a token, which may be renewed in its file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-mesos-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, 'first\n');
  const seen: (string | undefined)[] = [];
  const url = await serve(t, ({ headers, type }) => {
    seen.push(headers.authorization);
    return { body: ANSWERS[type] };
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
  const mad = await serve(t, () => ({ body: { get_containers: { containers: [{}] }, get_state: {} } }));
  await t.throwsAsync(new MesosAgentClient({ url: mad }).containers(), { code: 'EANSWER', message: /container_id/ });
  const half = await serve(t, () => ({ body: '{"frameworks": [' }));
  await t.throwsAsync(new MesosAgentClient({ url: half }).containers(), { code: 'EANSWER' });
});

test('an agent without the operator API, or whose statistics hang, is asked for /state', async (t) => {
  const refuse = (status: number) => serve(t, ({ url }) => (url === '/state' ? { body: STATE } : { status, body: '' }));
  for (const url of [await refuse(404), await refuse(501), await refuse(0)]) {
    const containers = await new MesosAgentClient({ url, timeout: 200 }).containers();
    t.is(containers.get('c1')?.tasks[0]?.task_id.value, 't');
  }
  await t.throwsAsync(new MesosAgentClient({ url: await refuse(401) }).containers(), { code: 'EHTTP', message: /status 401/ });
});

test('a redirect gets no password', async (t) => {
  const asked: string[] = [];
  const thief = await serve(t, ({ headers }) => {
    asked.push(headers.authorization ?? '');
    return { body: STATE };
  });
  const server = createServer((_, response) => void response.writeHead(307, { location: `${thief}/api/v1` }).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await t.throwsAsync(new MesosAgentClient({ url, user: 'weir' }).containers(), { code: 'EHTTP', message: /307/ });
  t.deepEqual(asked, []);
});
