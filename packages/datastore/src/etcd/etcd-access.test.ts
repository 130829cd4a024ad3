import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Etcd3 } from 'etcd3';
import { openStore } from '../open-store.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdOptions } from '../store-options.ts';
import { type CertificateFiles, createTestAuthority, type TestAuthority } from '../testing/certificates.ts';
import { type EtcdServer, type EtcdServerOptions, startEtcdServer } from '../testing/etcd-server.ts';
import { collect, put } from '../testing/store-behaviour.ts';

let ours: TestAuthority;
let theirs: TestAuthority;
let certificate: CertificateFiles;
test.before(async () => {
  [ours, theirs] = await Promise.all([createTestAuthority(), createTestAuthority()]);
  certificate = await ours.issue('server', ['IP:127.0.0.1', 'DNS:localhost']);
});
test.after.always(() => Promise.all([ours?.remove(), theirs?.remove()]));

async function startServer(t: ExecutionContext, options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const server = await startEtcdServer(options);
  t.teardown(() => server.stop());
  return server;
}

async function works(t: ExecutionContext, options: Partial<EtcdOptions> & { endpoints: string[] }): Promise<void> {
  const store = await openStore({ backend: 'etcd', timeoutMilliseconds: 5000, ...options });
  const revision = await put(store, '/weir/a', '1');
  t.is((await collect(store, '/weir/', revision, 1))[0]!.revision, revision);
  await store.close();
}

async function fails(t: ExecutionContext, code: string, options: Partial<EtcdOptions> & { endpoints: string[] }): Promise<string> {
  const error = await t.throwsAsync(openStore({ backend: 'etcd', timeoutMilliseconds: 5000, ...options }), {
    instanceOf: StoreError,
    code,
  });
  return error?.message ?? '';
}

test('TLS: by address and by name; a wrong authority or name is ETLS with the files', async (t) => {
  const server = await startServer(t, { tls: certificate });
  const endpoints = [server.endpoint];
  await works(t, { endpoints, caFile: ours.caFile });
  await works(t, { endpoints: [server.endpoint.replace('127.0.0.1', 'localhost')], caFile: ours.caFile });
  t.true((await fails(t, 'ETLS', { endpoints, caFile: theirs.caFile })).includes(theirs.caFile));
  t.regex(await fails(t, 'ETLS', { endpoints }), /built-in authorities/);
  t.regex(await fails(t, 'ETLS', { endpoints, caFile: '/nowhere/ca.pem' }), /\/nowhere\/ca\.pem cannot be read/);
  t.regex(await fails(t, 'EUNAVAILABLE', { endpoints: [server.endpoint.replace('https', 'http')] }), /http and not https/);
  const other = await startServer(t, { tls: await ours.issue('other', ['DNS:other.example', 'IP:127.0.0.9']) });
  t.regex(await fails(t, 'ETLS', { endpoints: [other.endpoint], caFile: ours.caFile }), /altnames/);
});

test('TLS: client certificates', async (t) => {
  const server = await startServer(t, { tls: { ...certificate, clientCaFile: ours.caFile } });
  const access = { endpoints: [server.endpoint], caFile: ours.caFile };
  const [client, stranger] = await Promise.all([ours.issue('client'), theirs.issue('stranger')]);
  await works(t, { ...access, ...client });
  t.regex(await fails(t, 'ETLS', access), /wants a client certificate/);
  t.true((await fails(t, 'ETLS', { ...access, ...stranger })).includes(stranger.certFile));
  t.regex(await fails(t, 'ETLS', { ...access, certFile: client.certFile, keyFile: certificate.keyFile }), /the key is the certificate's/);
});

test('users: the right password works over a restart; a wrong one is EAUTH; no message tells it', async (t) => {
  const server = await startServer(t);
  const endpoints = [server.endpoint];
  const secret = 'sesame-opens';
  const notEnabled = await fails(t, 'EAUTH', { endpoints, username: 'root', password: { text: secret } });
  t.regex(notEnabled, /leave out the user/);
  const admin = new Etcd3({ hosts: server.endpoint });
  await admin.role('root').create();
  await admin.user('root').create(secret);
  await admin.user('root').addRole('root');
  await admin.user('weak').create(secret);
  await admin.auth.authEnable();
  admin.close();

  await works(t, { endpoints, username: 'root', password: { text: secret } });
  const folder = await mkdtemp(join(tmpdir(), 'weir-password-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'password'), `${secret}\n`);
  await works(t, { endpoints, username: 'root', password: { file: join(folder, 'password') } });
  await fails(t, 'EAUTH', { endpoints, username: 'root', password: { file: join(folder, 'absent') } });
  t.regex(await fails(t, 'EAUTH', { endpoints }), /WEIR_ETCD_USERNAME/);
  t.regex(await fails(t, 'EAUTH', { endpoints, username: 'weak', password: { text: secret } }), /permission denied.*"weak"/);
  const message = await fails(t, 'EAUTH', { endpoints, username: 'root', password: { text: 'wrong-guess' } });
  t.regex(message, /check user "root", its password/);
  t.false(message.includes('wrong-guess') || notEnabled.includes(secret));

  // Tokens do not survive a restart of etcd; requests and watches take a new one by themselves.
  const store = await openStore({ backend: 'etcd', timeoutMilliseconds: 5000, endpoints, username: 'root', password: { text: secret } });
  t.teardown(() => store.close());
  const { revision } = await store.list('/weir/');
  const watching = collect(store, '/weir/', revision + 1, 2);
  await put(store, '/weir/a', '2');
  await server.kill();
  await server.start();
  await put(store, '/weir/a', '3');
  t.is((await watching).length, 2);
});

test('users with JWT: a change of any user makes all tokens old, and requests and watches take a new one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-jwt-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const [publicFile, privateFile] = [join(folder, 'public.pem'), join(folder, 'private.pem')];
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(privateFile, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const jwt = `jwt,pub-key=${publicFile},priv-key=${privateFile},sign-method=RS256,ttl=1h`;
  const server = await startServer(t, { arguments: ['--auth-token', jwt] });
  const open = new Etcd3({ hosts: server.endpoint });
  await open.role('root').create();
  await open.user('root').create('sesame');
  await open.user('root').addRole('root');
  await open.auth.authEnable();
  open.close();
  const endpoints = [server.endpoint];
  const password = { text: 'sesame' };
  const store = await openStore({ backend: 'etcd', timeoutMilliseconds: 5000, endpoints, username: 'root', password });
  t.teardown(() => store.close());
  const revision = await put(store, '/weir/a', '1');
  const admin = new Etcd3({ hosts: server.endpoint, auth: { username: 'root', password: 'sesame' } });
  t.teardown(() => admin.close());
  await admin.user('other').create('sesame');
  t.is(await put(store, '/weir/a', '2'), revision + 1);
  await admin.user('another').create('sesame');
  t.is((await store.get('/weir/a'))?.value, '2');
  await admin.user('third').create('sesame');
  t.is((await collect(store, '/weir/', revision, 2)).length, 2);
});
