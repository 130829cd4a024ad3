import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ObjectStore } from '../objects.ts';
import { openStore } from '../open-store.ts';
import type { ObjectEvent } from '../snapshot-and-watch.ts';
import type { Store } from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdOptions } from '../store-options.ts';
import { type EtcdServer, startEtcdCluster, startEtcdServer } from '../testing/etcd-server.ts';
import { collect, put } from '../testing/store-behaviour.ts';
import { Connection } from './connection.ts';

const optionsFor = (...endpoints: string[]): EtcdOptions => ({ backend: 'etcd', endpoints, timeoutMilliseconds: 5000 });

/** Forwards to etcd and can cut what runs through it. */
async function startForwarder(
  t: ExecutionContext,
  server: EtcdServer,
): Promise<{ endpoint: string; cut(): void; cutAfter(octets: number): void; switchTo(other: EtcdServer): void }> {
  let target = server;
  const sockets = new Set<Socket>();
  let allowed = Number.POSITIVE_INFINITY;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const forwarder = createServer(async (client) => {
    const { connect } = await import('node:net');
    const upstream = connect(Number(new URL(target.endpoint).port), '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    client.pipe(upstream);
    upstream.on('data', (data) => {
      allowed -= data.length;
      if (allowed >= 0) return void client.write(data);
      allowed = Number.POSITIVE_INFINITY;
      cut();
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  const endpoint = await listening(forwarder);
  t.teardown(() => {
    cut();
    forwarder.close();
  });
  const switchTo = (other: EtcdServer) => {
    target = other;
    cut();
  };
  return { endpoint, cut, cutAfter: (octets) => (allowed = octets), switchTo };
}

/** Accepts connections and never says a word. */
async function startSilentServer(t: ExecutionContext): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return listening(server);
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function opened(t: ExecutionContext, options: EtcdOptions): Promise<Store> {
  const store = await openStore(options);
  t.teardown(() => store.close());
  return store;
}

async function startServer(t: ExecutionContext): Promise<EtcdServer> {
  const server = await startEtcdServer();
  t.teardown(() => server.stop());
  return server;
}

test('watch: connections cut again and again, also while catching up, lose nothing and repeat nothing', async (t) => {
  const server = await startServer(t);
  const forwarder = await startForwarder(t, server);
  const [writer, watcher] = [await opened(t, optionsFor(server.endpoint)), await opened(t, optionsFor(forwarder.endpoint))];
  const value = 'x'.repeat(2000);
  for (let index = 0; index < 300; index++) await put(writer, `/a/${index % 9}`, value);
  const collecting = collect(watcher, '/a/', 2, 900);
  // Cut in the midst of what catches up, where etcd3's own watcher skips to the newest revision.
  for (let index = 0; index < 600; index++) {
    if (index % 60 === 0) forwarder.cutAfter(20_000 + index * 200);
    if (index % 150 === 75) forwarder.cut();
    await put(writer, `/a/${index % 9}`, value);
  }
  const revisions = (await collecting).map(({ revision }) => revision);
  t.deepEqual(
    revisions,
    Array.from({ length: 900 }, (_, index) => index + 2),
  );
});

test('an etcd killed and started again: the watch goes on, and a lease that outlives the gap is kept', async (t) => {
  const server = await startServer(t);
  const store = await opened(t, { ...optionsFor(server.endpoint), timeoutMilliseconds: 20_000 });
  const impatient = await opened(t, { ...optionsFor(server.endpoint), timeoutMilliseconds: 3000 });
  const lease = await store.lease(30);
  await store.transact({ when: [], then: [{ put: '/leased', value: '', lease: lease.id }] });
  const changes = store.watch('/a', { from: 3 })[Symbol.asyncIterator]();
  const first = changes.next();
  await put(store, '/a', '1');
  t.is((await first).value.revision, 3);
  const second = changes.next();
  await server.kill();
  const error = await t.throwsAsync(impatient.get('/a'), { instanceOf: StoreError, code: 'EUNAVAILABLE' });
  t.true(error!.message.includes(server.endpoint));
  await server.start();
  await put(store, '/a', '2');
  t.is((await second).value.revision, 4);
  t.not(await store.get('/leased'), undefined);
  await changes.return?.();
});

test('opened unchecked, an etcd that is away is found out by the first call, and used once it is there', async (t) => {
  const server = await startServer(t);
  await server.kill();
  const store = await openStore({ ...optionsFor(server.endpoint), timeoutMilliseconds: 3000 }, { check: false });
  t.teardown(() => store.close());
  await t.throwsAsync(store.get('/a'), { instanceOf: StoreError, code: 'EUNAVAILABLE' });
  await server.start();
  // gRPC waits a second or so before it dials again.
  while ((await store.get('/a').catch(() => 'away')) === 'away');
  await put(store, '/a', '1');
  t.is((await store.get('/a'))?.value, '1');
});

test('an etcd that stays away fails a watch with EUNAVAILABLE; from there a new one goes on', async (t) => {
  const server = await startServer(t);
  const store = await opened(t, { ...optionsFor(server.endpoint), timeoutMilliseconds: 3000 });
  const changes = store.watch('/', { from: 2 })[Symbol.asyncIterator]();
  await put(store, '/a', '1');
  t.is((await changes.next()).value.revision, 2);
  await server.kill();
  await t.throwsAsync(changes.next(), { code: 'EUNAVAILABLE' });
  await server.start();
  await put(store, '/a', '2');
  t.is((await collect(store, '/', 3, 1))[0]!.revision, 3);
});

test('a member that has lost the others hears of no change, and fails a watch like one that is away', async (t) => {
  const members = await startEtcdCluster(3);
  t.teardown(() => Promise.all(members.map((member) => member.stop())));
  const [alone, ...others] = members as [EtcdServer, ...EtcdServer[]];
  const store = await opened(t, { ...optionsFor(alone.endpoint), timeoutMilliseconds: 3000 });
  const changes = store.watch('/', { from: 2, signal: AbortSignal.timeout(60_000) })[Symbol.asyncIterator]();
  await put(store, '/a', '1');
  t.is((await changes.next()).value.revision, 2);
  const next = changes.next();
  await Promise.all(others.map((member) => member.kill()));
  await t.throwsAsync(next, { code: 'EUNAVAILABLE' });
});

test('a change whose answer was lost is not sent again, and says so', async (t) => {
  const server = await startServer(t);
  const forwarder = await startForwarder(t, server);
  const store = await opened(t, optionsFor(forwarder.endpoint));
  forwarder.cutAfter(0);
  const error = await t.throwsAsync<StoreError>(put(store, '/a', '1'), { code: 'EUNAVAILABLE', message: /may or may not have been made/ });
  t.true(error!.maybeCommitted);
  t.is((await store.list('/')).revision, 2);
});

test('compacted: a watch from before fails, at once and for a delete at the very revision of the compaction', async (t) => {
  const server = await startServer(t);
  const store = await opened(t, optionsFor(server.endpoint));
  for (let index = 0; index < 5; index++) await put(store, '/a', `${index}`);
  await store.transact({ when: [], then: [{ delete: '/a' }] });
  const { revision } = await store.list('/');
  const connection = new Connection({
    endpoint: server.endpoint,
    tls: { ca: undefined, cert: undefined, key: undefined },
    auth: undefined,
    attemptMilliseconds: 5000,
  });
  t.teardown(() => connection.close());
  await connection.kv.compact({ revision, physical: true });
  await t.throwsAsync(collect(store, '/', 3, 1), { code: 'ECOMPACTED' });
  await t.throwsAsync(collect(store, '/', revision, 1), { code: 'ECOMPACTED' });
  const after = collect(store, '/', revision + 1, 1);
  await put(store, '/b', '1');
  t.is((await after)[0]!.revision, revision + 1);
});

/** Follows the namespaces in a store: how each one is labelled, by the revision that it was told with, and what else was told. */
function followNamespaces(t: ExecutionContext, store: Store) {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const known = new Map<string, string | undefined>();
  const told: ObjectEvent['type'][] = [];
  void (async () => {
    for await (const event of new ObjectStore(store).snapshotAndWatch(['Namespace'], { signal: stop.signal })) {
      if (event.type === 'put') known.set(event.object.metadata.name, event.object.metadata.labels.is);
      else if (event.type === 'remove') known.delete(event.name);
      else if (event.type !== 'disconnected' && event.type !== 'connected') told.push(event.type);
    }
  })();
  const until = async (wanted: Record<string, string>) => {
    while (JSON.stringify(Object.fromEntries([...known].sort())) !== JSON.stringify(wanted)) await delay(20);
  };
  return { told, until };
}

const putNamespace = (store: Store, name: string, is: string) =>
  put(
    store,
    `/weir/v1/Namespace/${name}`,
    JSON.stringify({ apiVersion: 'weir/v1', kind: 'Namespace', metadata: { name, labels: { is } } }),
  );

for (const later of [0, 20])
  test(`an etcd with an old copy of its data, ${later === 0 ? 'behind' : 'by now ahead of'} what was seen: told as restored, and what it has is what is known`, async (t) => {
    const server = await startServer(t);
    const forwarder = await startForwarder(t, server);
    const [writer, reader] = [await opened(t, optionsFor(server.endpoint)), await opened(t, optionsFor(forwarder.endpoint))];
    for (const name of ['changed', 'gone', 'same']) await putNamespace(writer, name, 'old');
    await server.kill();
    const restore = await server.backUp();
    await server.start();
    const { told, until } = followNamespaces(t, reader);
    await until({ changed: 'old', gone: 'old', same: 'old' });
    await writer.transact({ when: [], then: [{ delete: '/weir/v1/Namespace/gone' }] });
    for (const name of ['changed', 'lost']) await putNamespace(writer, name, 'new');
    await until({ changed: 'new', lost: 'new', same: 'old' });
    await server.kill();
    await restore();
    forwarder.switchTo({ ...server, endpoint: 'http://127.0.0.1:1' });
    await server.start();
    for (let index = 0; index < later; index++) await putNamespace(writer, 'other', `${index}`);
    forwarder.switchTo(server);
    await until({ changed: 'old', gone: 'old', ...(later > 0 && { other: `${later - 1}` }), same: 'old' });
    t.deepEqual(told, ['synced', 'restored', 'synced']);
    await putNamespace(writer, 'changed', 'newest');
    await until({ changed: 'newest', gone: 'old', ...(later > 0 && { other: `${later - 1}` }), same: 'old' });
  });

test('another cluster behind the same address is told as restored, also where its revisions and the last object are the same', async (t) => {
  const servers = [await startServer(t), await startServer(t)] as const;
  const forwarder = await startForwarder(t, servers[0]);
  const writers = [await opened(t, optionsFor(servers[0].endpoint)), await opened(t, optionsFor(servers[1].endpoint))] as const;
  for (const [index, writer] of writers.entries()) {
    await putNamespace(writer, 'first', `${index}`);
    await putNamespace(writer, 'last', 'same');
  }
  const { told, until } = followNamespaces(t, await opened(t, optionsFor(forwarder.endpoint)));
  await until({ first: '0', last: 'same' });
  forwarder.switchTo(servers[1]);
  await until({ first: '1', last: 'same' });
  t.deepEqual(told, ['synced', 'restored', 'synced']);
});

test('an etcd whose quota is used up: EFULL says so and that nothing was changed; what is there can be read and deleted', async (t) => {
  const server = await startEtcdServer({ arguments: ['--quota-backend-bytes', '1000000'] });
  t.teardown(() => server.stop());
  const store = await opened(t, optionsFor(server.endpoint));
  await put(store, '/first', '1');
  const fill = async () => {
    for (let index = 0; ; index++) await put(store, `/filler-${index}`, 'x'.repeat(100_000));
  };
  const error = await t.throwsAsync<StoreError>(fill(), { code: 'EFULL', message: /space exceeded; nothing was changed: .*alarm disarm/ });
  t.false(error!.maybeCommitted);
  t.is((await store.get('/first'))?.value, '1');
  t.true((await store.transact({ when: [], then: [{ delete: '/first' }] })).committed);
  await t.throwsAsync(store.lease(10), { code: 'EFULL' });
});

test('unreachable: EUNAVAILABLE names the endpoints and what to check, within the timeout', async (t) => {
  const refused = await t.throwsAsync(openStore(optionsFor('http://127.0.0.1:1', 'http://127.0.0.1:2')), { code: 'EUNAVAILABLE' });
  t.regex(refused!.message, /http:\/\/127\.0\.0\.1:1, http:\/\/127\.0\.0\.1:2: connect ECONNREFUSED.*check that etcd runs there/);
  const endpoint = await startSilentServer(t);
  await t.throwsAsync(openStore({ ...optionsFor(endpoint), timeoutMilliseconds: 300 }), {
    code: 'EUNAVAILABLE',
    message: /no answer in \d/,
  });
  await t.throwsAsync(openStore(optionsFor('http://nowhere.invalid:2379')), { code: 'EUNAVAILABLE', message: /nowhere\.invalid/ });
});

test('of several endpoints, those that do not answer are passed over', async (t) => {
  const server = await startServer(t);
  const endpoints = ['http://127.0.0.1:1', server.endpoint, await startSilentServer(t)];
  // Where it begins is random.
  for (let round = 0; round < 4; round++) {
    const store = await opened(t, { ...optionsFor(...endpoints), timeoutMilliseconds: 3000 });
    await put(store, '/a', `${round}`);
    t.is((await store.get('/a'))?.value, `${round}`);
  }
});
