/** `weir api` as a process of its own, over TLS, on an embedded store. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import test, { type ExecutionContext } from 'ava';
import { addToken } from '../api/add-token.ts';
import type { Access } from '../api/token-file.ts';
import { endpoint, KUBERNETES_POLICY, Weir } from '../testing/weir.ts';

let certificates: string;

test.before('certificates: of the server, of a client, and of one that nobody knows', async () => {
  certificates = await mkdtemp(join(tmpdir(), 'weir-api-'));
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: certificates, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const self = (name: string, ...more: string[]) =>
    openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`, ...more);
  self('server', '-addext', 'subjectAltName=IP:127.0.0.1');
  self('client');
  self('stranger');
});

test.after.always(() => rm(certificates, { recursive: true, force: true }));

const pem = (name: string) => readFileSync(join(certificates, name));

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind
  body: any;
}

interface Ask {
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
  client?: string;
}

class Api {
  readonly weir: Weir;
  readonly child: ChildProcess;
  readonly log: string[] = [];
  readonly tokens: { all: string; reads: string; shop: string };
  port = 0;

  private constructor(weir: Weir, child: ChildProcess, tokens: Api['tokens']) {
    this.weir = weir;
    this.child = child;
    this.tokens = tokens;
  }

  static async start(t: ExecutionContext, more: string[] = []): Promise<Api> {
    const weir = await Weir.in(t);
    const add = (access: Access) => addToken(join(weir.folder, 'tokens.yaml'), access);
    const tokens = {
      all: add({ name: 'all', rights: 'write' }),
      reads: add({ name: 'reads', rights: 'read' }),
      shop: add({ name: 'shop', rights: 'write', namespaces: ['shop'] }),
    };
    const tls = ['--tls-cert', join(certificates, 'server.pem'), '--tls-key', join(certificates, 'server.key')];
    const child = weir.start(['api', '--tokens', 'tokens.yaml', '--listen', '127.0.0.1:0', ...tls, ...more]);
    const api = new Api(weir, child, tokens);
    t.teardown(() => child.kill('SIGKILL'));
    const listening = Promise.withResolvers<void>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      api.log.push(line);
      api.port ||= Number(/listening at https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? 0);
      if (api.port > 0) listening.resolve();
    });
    const failed = text(child.stderr!).then((told) => Promise.reject(new Error(told)));
    failed.catch(() => {});
    await Promise.race([listening.promise, failed]);
    return api;
  }

  async open(method: string, path: string, { token = this.tokens.all, body, headers = {}, client }: Ask = {}): Promise<IncomingMessage> {
    const identity = client === undefined ? {} : { cert: pem(`${client}.pem`), key: pem(`${client}.key`) };
    const asked = request({
      ...{ host: '127.0.0.1', port: this.port, method, path, ca: pem('server.pem'), agent: false, ...identity },
      headers: {
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    asked.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
    const [reply] = (await once(asked, 'response')) as [IncomingMessage];
    return reply;
  }

  async ask(method: string, path: string, options?: Ask): Promise<Reply> {
    const reply = await this.open(method, path, options);
    const content = await text(reply);
    const isJson = /json/.test(reply.headers['content-type'] ?? '');
    return { status: reply.statusCode!, headers: reply.headers, body: isJson ? JSON.parse(content) : content };
  }

  /** The events of a watch, from now on. */
  async watch(path: string, headers: Record<string, string> = {}): Promise<Events> {
    return new Events(await this.open('GET', path, { headers: { accept: 'text/event-stream', ...headers } }));
  }
}

class Events {
  readonly response: IncomingMessage;
  readonly #lines: AsyncIterator<string>;

  constructor(response: IncomingMessage) {
    this.response = response;
    this.#lines = createInterface({ input: response })[Symbol.asyncIterator]();
  }

  /** Undefined when the stream has ended. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every kind
  async next(): Promise<{ event: string; id?: string; data: any } | undefined> {
    const fields: Record<string, string> = {};
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) return undefined;
      if (value === '' && fields.event !== undefined) {
        return { event: fields.event, ...(fields.id !== undefined && { id: fields.id }), data: JSON.parse(fields.data!) };
      }
      const [, name, rest] = /^(\w+): (.*)$/.exec(value) ?? [];
      if (name !== undefined) fields[name] = rest!;
    }
  }
}

const POLICIES = '/v1/namespaces/shop/policies';
const WEB = { spec: { selector: "run == 'web'", ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80] } }] } };

test('an object is made, read, changed and deleted; who changed it meanwhile is not written over', async (t) => {
  const api = await Api.start(t);
  const made = await api.ask('PUT', `${POLICIES}/web`, { body: WEB });
  t.is(made.status, 201);
  t.is(made.headers.location, `${POLICIES}/web`);
  t.like(made.body, { apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'web', namespace: 'shop' }, spec: { types: ['Ingress'] } });
  const { etag } = made.headers;
  const same = await api.ask('PUT', `${POLICIES}/web`, { body: made.body, headers: { 'if-match': etag! } });
  t.is(same.status, 200);
  t.is(same.headers.etag, etag, 'nothing to write, nothing written');
  const changed = await api.ask('PUT', `${POLICIES}/web`, { body: { spec: { selector: "run == 'api'" } }, headers: { 'if-match': etag! } });
  t.is(changed.status, 200);
  t.not(changed.headers.etag, etag);
  const late = await api.ask('PUT', `${POLICIES}/web`, { body: WEB, headers: { 'if-match': etag! } });
  t.like(late, { status: 412, body: { code: 'ECHANGED', status: 412 } });
  t.regex(late.body.detail, /was to be at revision \d+ and is at revision \d+/);
  t.is((await api.ask('PUT', `${POLICIES}/web`, { body: WEB, headers: { 'if-none-match': '*' } })).status, 412);
  t.is((await api.ask('PUT', `${POLICIES}/db`, { body: WEB, headers: { 'if-none-match': '*' } })).status, 201);
  t.is((await api.ask('PUT', `${POLICIES}/web`, { body: WEB, headers: { 'if-match': 'W/"1"' } })).status, 400);
  t.like(await api.ask('POST', POLICIES, { body: { metadata: { name: 'web' }, ...WEB } }), { status: 409, body: { code: 'EEXISTS' } });
  const got = await api.ask('GET', `${POLICIES}/web`);
  t.deepEqual(got.body, changed.body);
  t.is((await api.ask('DELETE', `${POLICIES}/web`, { headers: { 'if-match': etag! } })).status, 412);
  t.is((await api.ask('DELETE', `${POLICIES}/web`, { headers: { 'if-match': got.headers.etag! } })).status, 204);
  t.like(await api.ask('GET', `${POLICIES}/web`), { status: 404, body: { detail: 'policy/web was not found in namespace shop' } });
  t.is((await api.ask('DELETE', `${POLICIES}/web`)).status, 404);
});

test('lists have what a selector takes, of one namespace or all, each with its revision', async (t) => {
  const api = await Api.start(t);
  const put = (namespace: string, name: string, labels: object) =>
    api.ask('PUT', `/v1/namespaces/${namespace}/policies/${name}`, { body: { metadata: { labels }, ...WEB } });
  const [first] = [await put('shop', 'a', { tier: 'front' }), await put('shop', 'b', {}), await put('blue', 'c', { tier: 'front' })];
  const names = async (path: string) => {
    const { body } = await api.ask('GET', path);
    return body.items.map(({ object }: { object: { metadata: { name: string } } }) => object.metadata.name);
  };
  t.deepEqual(await names(POLICIES), ['a', 'b']);
  t.deepEqual(await names('/v1/policies'), ['c', 'a', 'b']);
  t.deepEqual(await names(`/v1/policies?selector=${encodeURIComponent("tier == 'front'")}`), ['c', 'a']);
  t.deepEqual(await names('/v1/policies?selector=!tier'), ['b']);
  const { body } = await api.ask('GET', POLICIES);
  t.is(`"${body.items[0].revision}"`, first!.headers.etag!);
  t.true(body.revision >= body.items[1].revision);
  t.is((await api.ask('GET', '/v1/policies?selector=((')).status, 400);
  await api.weir.seed(endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }));
  t.deepEqual(await names('/v1/namespaces/shop/endpoints?selector=run=web'), ['c1-eth0']);
});

test('what is wrong is told field by field, and by the same rules as on the command line', async (t) => {
  const api = await Api.start(t);
  const wrong = { spec: { selector: 'run ==', ingress: [{ action: 'Alow', destination: { ports: [70_000] } }], more: 1 } };
  const refused = await api.ask('PUT', `${POLICIES}/web`, { body: wrong });
  t.is(refused.status, 422);
  t.is(refused.headers['content-type'], 'application/problem+json; charset=utf-8');
  t.like(refused.body, { type: 'about:blank', title: 'Unprocessable Entity', code: 'EINVALID' });
  t.deepEqual(refused.body.errors.map(({ path }: { path: string }) => path).toSorted(), [
    'spec.ingress[0].action',
    'spec.ingress[0].destination.ports',
    'spec.ingress[0].destination.ports[0]',
    'spec.more',
    'spec.selector',
  ]);
  const misplaced = await api.ask('PUT', `${POLICIES}/web`, {
    body: { kind: 'NetworkSet', metadata: { name: 'else', namespace: 'blue' }, spec: { nets: [] } },
  });
  t.deepEqual(
    misplaced.body.errors.map(({ path }: { path: string }) => path),
    ['kind', 'metadata.namespace', 'metadata.name'],
  );
  t.is((await api.ask('PUT', `${POLICIES}/web`, { body: '{"spec":' })).status, 400);
  t.is((await api.ask('PUT', `${POLICIES}/web`, { body: [] })).status, 422);
  t.is(
    (await api.ask('PUT', `${POLICIES}/web`, { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status,
    415,
  );
  t.is((await api.ask('PUT', `${POLICIES}/web`, { body: `"${'x'.repeat(3 << 20)}"` })).status, 413);
  t.is((await api.ask('PUT', '/v1/namespaces/shop/endpoints/c1', { body: {} })).status, 404, 'endpoints are for CNI to write');
  t.like(await api.ask('PUT', '/v1/globalpolicies/x', { body: { spec: { tier: 'nope' } } }), { status: 409, body: { code: 'EREFUSED' } });
  t.is((await api.ask('PUT', '/v1/pools/main', { body: { spec: { cidr: '10.77.0.0/16' } } })).status, 201);
  const overlap = await api.ask('PUT', '/v1/pools/more', { body: { spec: { cidr: '10.77.1.0/24' } } });
  t.is(overlap.status, 409);
  t.regex(overlap.body.detail, /overlap/);
  const long = `${'a'.repeat(60)}.`.repeat(4).slice(0, -1);
  t.is((await api.ask('PUT', `${POLICIES}/${long}`, { body: WEB })).status, 201);
  t.like(await api.ask('GET', '/v2/policies'), { status: 404, body: { code: 'ENOTFOUND' } });
});

test('a NetworkPolicy of Kubernetes is taken as it is', async (t) => {
  const api = await Api.start(t);
  const { parse } = await import('yaml');
  const made = await api.ask('POST', '/v1/namespaces/policy-demo/policies', { body: parse(KUBERNETES_POLICY) });
  t.like(made, { status: 201, body: { kind: 'Policy', metadata: { name: 'access-nginx' } } });
});

test('who has no token, a wrong one, or one for other things, is refused, and no token is ever logged', async (t) => {
  const api = await Api.start(t);
  const nobody = await api.ask('GET', POLICIES, { token: '' });
  t.like(nobody, { status: 401, body: { code: 'EUNAUTHENTICATED' } });
  t.is(nobody.headers['www-authenticate'], 'Bearer realm="weir"');
  t.is((await api.ask('GET', POLICIES, { token: 'weir_guess' })).status, 401);
  t.is((await api.ask('GET', POLICIES, { token: api.tokens.reads })).status, 200);
  t.like(await api.ask('PUT', `${POLICIES}/web`, { token: api.tokens.reads, body: WEB }), {
    status: 403,
    body: { detail: 'the token of reads may only read' },
  });
  t.is((await api.ask('PUT', `${POLICIES}/web`, { token: api.tokens.shop, body: WEB })).status, 201);
  for (const [method, path, body] of [
    ['GET', '/v1/namespaces/blue/policies', undefined],
    ['PUT', '/v1/namespaces/blue/policies/web', WEB],
    ['GET', '/v1/policies', undefined],
    ['PUT', '/v1/globalpolicies/web', WEB],
    ['POST', '/v1/trace', { from: 'outside', to: '10.0.0.1', port: 'tcp/80' }],
  ] as const) {
    t.like(await api.ask(method, path, { token: api.tokens.shop, body }), { status: 403, body: { code: 'EFORBIDDEN' } }, path);
  }
  const guard = { spec: { ...WEB.spec, tier: 'kube-admin' } };
  const GUARD = `${POLICIES}/guard`;
  const refused = await api.ask('PUT', GUARD, { token: api.tokens.shop, body: guard });
  t.is(refused.status, 403);
  t.regex(refused.body.detail, /tier kube-admin .* leave spec\.tier out/);
  t.is((await api.ask('PUT', GUARD, { token: api.tokens.all, body: guard })).status, 201);
  for (const [method, path, body] of [
    ['PUT', GUARD, WEB],
    ['DELETE', GUARD, undefined],
    ['POST', POLICIES, { ...guard, metadata: { name: 'another' } }],
  ] as const)
    t.is((await api.ask(method, path, { token: api.tokens.shop, body })).status, 403, `${method} of a policy of the cluster's`);
  const SERVICE = '/v1/namespaces/shop/services/web';
  const at = (...addresses: string[]) => ({ spec: { selector: 'all()', ports: [{ port: 53 }], addresses } });
  const elsewhere = await api.ask('PUT', SERVICE, { token: api.tokens.shop, body: at('8.8.8.8') });
  t.like(elsewhere, { status: 403, body: { code: 'EFORBIDDEN' } });
  t.regex(elsewhere.body.detail, /8\.8\.8\.8 is outside of the service ranges.*leave spec\.addresses out/);
  t.is((await api.ask('PUT', SERVICE, { token: api.tokens.shop, body: at('11.0.0.53') })).status, 201);
  t.is((await api.ask('PUT', SERVICE, { token: api.tokens.all, body: at('8.8.8.8') })).status, 200);
  t.is((await api.ask('PUT', SERVICE, { token: api.tokens.shop, body: at('8.8.8.8') })).status, 200, 'it has that address already');
  const file = join(api.weir.folder, 'tokens.yaml');
  t.is(statSync(file).mode & 0o777, 0o600);
  writeFileSync(file, readFileSync(file, 'utf8').replace('name: reads', 'nmae: reads'));
  t.is((await api.ask('GET', POLICIES, { token: api.tokens.reads })).status, 200, 'a file that cannot be read takes nothing away');
  const events = new Events(await api.open('GET', POLICIES, { token: api.tokens.reads, headers: { accept: 'text/event-stream' } }));
  while ((await events.next())?.event !== 'synced');
  writeFileSync(file, 'tokens: []\n');
  await api.weir.seed({ kind: 'Policy', metadata: { name: 'later', namespace: 'shop' }, spec: {} });
  t.is(await events.next(), undefined, 'a watch ends with its token');
  t.is((await api.ask('GET', POLICIES, { token: api.tokens.reads })).status, 401, 'taken back without a restart');
  const told = api.log.join('\n');
  t.regex(told, /"path":"\/v1\/namespaces\/shop\/policies\/web","status":201,"token":"shop"/);
  for (const token of Object.values(api.tokens)) t.false(told.includes(token) || readFileSync(file, 'utf8').includes(token));
});

test('a watch tells what is there, then each change, and goes on where it was', async (t) => {
  const api = await Api.start(t);
  await api.ask('PUT', `${POLICIES}/a`, { body: { metadata: { labels: { tier: 'front' } }, ...WEB } });
  await api.ask('PUT', `${POLICIES}/b`, { body: WEB });
  const events = await api.watch(`${POLICIES}?selector=tier`);
  t.is(events.response.headers['content-type'], 'text/event-stream');
  t.like(await events.next(), { event: 'put', data: { object: { metadata: { name: 'a' } } } });
  const synced = await events.next();
  t.like(synced, { event: 'synced', id: String(synced!.data.revision) });
  const changed = await api.ask('PUT', `${POLICIES}/a`, { body: { metadata: { labels: { tier: 'back' } }, ...WEB } });
  const told = await events.next();
  t.like(told, { event: 'put', data: { object: { metadata: { labels: { tier: 'back' } } } } });
  t.is(`"${told!.id}"`, changed.headers.etag!);
  await api.ask('PUT', `${POLICIES}/a`, { body: WEB });
  t.like(await events.next(), { event: 'remove', data: { kind: 'Policy', namespace: 'shop', name: 'a' } }, 'it no longer matches');
  events.response.destroy();
  await api.ask('DELETE', `${POLICIES}/b`);
  const again = await api.watch(POLICIES, { 'last-event-id': told!.id! });
  t.like(await again.next(), { event: 'put', data: { object: { metadata: { name: 'a' } } } }, 'what came after the last event');
  t.like(await again.next(), { event: 'remove', data: { name: 'b' } });
  const ahead = await api.watch(POLICIES, { 'last-event-id': '999999999' });
  t.like(await ahead.next(), { event: 'reset' }, 'a store that does not know that revision tells everything');
  t.like(await ahead.next(), { event: 'put', data: { object: { metadata: { name: 'a' } } } });
  t.like(await ahead.next(), { event: 'synced' });
  t.is((await api.ask('GET', POLICIES, { headers: { accept: 'text/event-stream', 'last-event-id': 'x' } })).status, 400);
});

test('trace says whether and why', async (t) => {
  const api = await Api.start(t);
  await api.weir.seed(
    endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('c2', { run: 'db' }, { on: 'h1', address: '10.77.0.2' }),
  );
  await api.ask('PUT', `${POLICIES}/web`, { body: WEB });
  const trace = (port: string) => api.ask('POST', '/v1/trace', { body: { from: 'shop/run=db', to: 'shop/run=web', port } });
  t.like(await trace('tcp/80'), { status: 200, body: { verdict: 'Allow' } });
  t.like(await trace('tcp/81'), { status: 200, body: { verdict: 'Deny' } });
  t.like(await trace('tcpp/81'), { status: 400, body: { code: 'EUSAGE' } });
  t.like(await api.ask('POST', '/v1/trace', { body: { from: 'outside' } }), { status: 422 });
  t.like(await api.ask('POST', '/v1/trace', { body: { from: 'shop/run=nope', to: 'shop/run=web', port: 'tcp/80' } }), { status: 404 });
});

test('openapi.json is valid OpenAPI 3.1, has every kind, and is open to all; so is health, and metrics are not', async (t) => {
  const api = await Api.start(t);
  const { status, body } = await api.ask('GET', '/openapi.json', { token: '' });
  t.is(status, 200);
  const { valid, errors } = await new Validator().validate(body);
  t.true(valid, JSON.stringify(errors));
  for (const plural of ['policies', 'services', 'claims', 'networksets'])
    t.truthy(body.paths[`/v1/namespaces/{namespace}/${plural}/{name}`]?.put, plural);
  t.is(body.paths['/v1/namespaces/{namespace}/endpoints/{name}'].put, undefined);
  const { action } = body.components.schemas.Policy.properties.spec.properties.ingress.items.properties;
  t.deepEqual(action.enum, ['Allow', 'Deny', 'Log', 'Pass']);
  for (const path of ['/healthz', '/readyz']) t.deepEqual((await api.ask('GET', path, { token: '' })).body, 'ok\n');
  t.is((await api.ask('GET', '/metrics', { token: '' })).status, 401);
  const { body: metrics } = await api.ask('GET', '/metrics', { token: api.tokens.shop });
  t.regex(metrics, /weir_api_requests_total\{method="GET",route="\/openapi\.json",status="200"\} 1/);
});

test('with --tls-client-ca a client has to show a certificate too', async (t) => {
  const api = await Api.start(t, ['--tls-client-ca', join(certificates, 'client.pem')]);
  t.is((await api.ask('GET', '/healthz', { client: 'client' })).status, 200);
  await t.throwsAsync(api.ask('GET', '/healthz'));
  await t.throwsAsync(api.ask('GET', '/healthz', { client: 'stranger' }));
});

test('SIGTERM ends the watches and what is under way, and the process ends well', async (t) => {
  const api = await Api.start(t);
  const events = await api.watch(POLICIES);
  t.like(await events.next(), { event: 'synced' });
  const idle = await api.open('GET', '/healthz');
  idle.resume();
  const end = once(api.child, 'exit');
  api.child.kill('SIGTERM');
  t.is(await events.next(), undefined);
  t.deepEqual(await Promise.race([end, delay(5000)]), [0, null]);
});

test('usage: no TLS but on the loopback, files that are not there, a name that is taken', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['api', 'token', 'one', '--tokens', 'tokens.yaml']);
  t.regex(await weir.fails(t, 1, ['api', 'token', 'one', '--tokens', 'tokens.yaml']), /has a token named one already/);
  t.regex(
    await weir.fails(t, 2, ['api', '--tokens', 'tokens.yaml', '--listen', '0.0.0.0:1']),
    /without TLS .* loopback only, not on 0\.0\.0\.0/,
  );
  t.regex(await weir.fails(t, 2, ['api', '--tokens', 'nope.yaml']), /cannot read the file of tokens/);
  t.regex(await weir.fails(t, 2, ['api', '--tokens', 'tokens.yaml', '--listen', 'here']), /expected address:port/);
  await weir.file('bad.yaml', 'tokens: [{ name: x, hash: plain, rights: all }]\n');
  const refused = await weir.fails(t, 2, ['api', '--tokens', 'bad.yaml']);
  t.regex(refused, /tokens\.0\.hash: sha256:/);
  t.regex(refused, /tokens\.0\.rights/);
});
