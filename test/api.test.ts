/** `weir api` on a real etcd: what a framework writes is in force for packets, and what happens is told to who watches. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { LabHost } from '@weir/lab';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { expectFlows } from './testbed/flows.ts';
import { SHOP } from './testbed/shop.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const testbed = Testbed.share(test, { hosts: 2, store: 'etcd' });
const PORT = 9490;

let one: LabHost;
let token: string;
let api: ChildProcess;
let log = '';

test.serial.before('the API on the first host', async () => {
  [one] = testbed().hosts as [LabHost];
  const tokens = join(testbed().cluster.folder.path, 'tokens.yaml');
  token = (await testbed().mustWeir(['api', 'token', 'framework', '--tokens', tokens, '--write', '-n', 'shop'])).trim();
  api = testbed().startWeir(['api', '--tokens', tokens, '--listen', `127.0.0.1:${PORT}`]);
  api.stderr!.pipe(process.stderr);
  const lines = createInterface({ input: api.stdout! });
  lines.on('line', (line) => (log += `${line}\n`));
  await eventually(
    () => log,
    (told) => told.includes('listening'),
  );
});

test.after.always(() => void api?.kill('SIGKILL'));

/** As a framework on that host: prints the status and the answer. */
const ASK = `
const [method, path, token, body] = process.argv.slice(1);
fetch('http://127.0.0.1:${PORT}' + path, {
  method,
  headers: { authorization: 'Bearer ' + token, ...(body && { 'content-type': 'application/json' }) },
  ...(body && { body }),
}).then(async (reply) => console.log(JSON.stringify({ status: reply.status, retry: reply.headers.get('retry-after'), body: await reply.text() })));
`;

async function ask(method: string, path: string, body?: object): Promise<{ status: number; retry: string | null; body: string }> {
  const words = ['-e', ASK, method, path, token, ...(body === undefined ? [] : [JSON.stringify(body)])];
  const child = one.spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(await text(child.stdout!));
}

/** Prints the events as they come. */
const WATCH = `
const [path, token, after] = process.argv.slice(1);
const headers = { authorization: 'Bearer ' + token, accept: 'text/event-stream', ...(after && { 'last-event-id': after }) };
require('node:http').get({ host: '127.0.0.1', port: ${PORT}, path, headers }, (reply) => reply.pipe(process.stdout));
`;

class Watch {
  readonly child: ChildProcess;
  told = '';

  constructor(path: string, after?: string) {
    const words = ['-e', WATCH, path, token, ...(after === undefined ? [] : [after])];
    this.child = one.spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child.stdout!.on('data', (chunk) => (this.told += chunk));
  }

  async sees(pattern: RegExp): Promise<boolean> {
    return pattern.test(
      await eventually(
        () => this.told,
        (told) => pattern.test(told),
      ),
    );
  }

  get lastId(): string {
    return [...this.told.matchAll(/^id: (\d+)$/gm)].at(-1)![1]!;
  }
}

const ENDPOINTS = '/v1/namespaces/shop/endpoints';
let server: Workload;
let friend: Workload;
let watch: Watch;

test.serial('who watches is told of containers as they come, and a policy that is put is in force', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  watch = new Watch(`${ENDPOINTS}?selector=app`);
  t.true(await watch.sees(/^event: synced$/m));
  [server, friend] = await Promise.all([
    bed.launch(one, { ...SHOP, app: 'server' }, { name: 'server' }),
    bed.launch(bed.hosts[1]!, { ...SHOP, app: 'friend' }, { name: 'friend' }),
  ]);
  for (const { ipv4 } of [server, friend]) t.true(await watch.sees(new RegExp(`event: put\nid: \\d+\ndata: .*"${ipv4}"`)));
  const places = { server, friend };
  await expectFlows(t, places, { 'friend > server tcp/80': true });
  const closed = { spec: { selector: "app == 'server'", types: ['Ingress'] } };
  t.is((await ask('PUT', '/v1/namespaces/shop/policies/closed', closed)).status, 201);
  await expectFlows(t, places, { 'friend > server tcp/80': false, 'server > friend tcp/80': true });
  t.is((await ask('DELETE', '/v1/namespaces/shop/policies/closed')).status, 204);
  await expectFlows(t, places, { 'friend > server tcp/80': true });
  t.is((await ask('GET', '/v1/namespaces/default/endpoints')).status, 403);
});

test.serial('etcd is away: requests are refused with when to try again, and the watch goes on after it', async (t) => {
  t.timeout(90_000);
  const start = testbed().killEtcd();
  const refused = await eventually(
    () => ask('GET', ENDPOINTS),
    ({ status }) => status === 503,
  );
  t.like(refused, { status: 503, retry: '2' });
  t.like(JSON.parse(refused.body), { code: 'EUNAVAILABLE' });
  if (watch.child.exitCode === null) await once(watch.child, 'exit');
  start();
  await eventually(
    () => ask('GET', ENDPOINTS),
    ({ status }) => status === 200,
    { limitMs: 20_000 },
  );
  await testbed().destroy(friend);
  const again = new Watch(`${ENDPOINTS}?selector=app`, watch.lastId);
  t.true(await again.sees(new RegExp(`event: remove\nid: \\d+\ndata: .*"${friend.containerId}-eth0"`)));
  t.notRegex(again.told, /synced|reset/, 'only what came after');
  again.child.kill();
});

test.serial('SIGTERM: it ends well, and neither token nor file was logged', async (t) => {
  api.kill('SIGTERM');
  t.deepEqual(await once(api, 'exit'), [0, null]);
  t.regex(log, /"token":"framework"/);
  t.false(log.includes(token));
  const file = readFileSync(join(testbed().cluster.folder.path, 'tokens.yaml'), 'utf8');
  t.false(file.includes(token));
  t.regex(file, /^tokens:\n {2}- name: framework\n {4}hash: sha256:[0-9a-f]{64}\n {4}rights: write\n {4}namespaces:\n {6}- shop\n$/);
});
