import { setTimeout as delay } from 'node:timers/promises';
import { ObjectStore } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { MarathonError } from '@weir/mesos';
import { type Endpoint, parseObject, serviceAddresses } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { whileLeading } from '../hosts/election.ts';
import { createMetrics } from '../metrics.ts';
import { MarathonFollower } from './marathon-follower.ts';

async function setUp(t: ExecutionContext) {
  const { store } = await temporaryStore(t);
  const objects = new ObjectStore(store);
  const lines: { msg: string; app?: string }[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const marathon = { apps: [] as unknown[], away: false, looks: 0, tell: (_: string) => {} };
  const client = {
    listDefinitions: async () => {
      marathon.looks++;
      if (marathon.away) throw new MarathonError('EUNAVAILABLE', 'no answer');
      return { apps: marathon.apps, pods: [], podStatuses: [] };
    },
    getInfo: async () => ({ name: 'marathon', version: '1.8.0', leader: 'm1:8080' }),
    followEvents: (onEvent: (type: string) => void, { signal }: { signal: AbortSignal }) => {
      marathon.tell = onEvent;
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };
  const endpoints: Endpoint[] = [];
  const metrics = createMetrics();
  const follower = new MarathonFollower({ store, objects, client, log, metrics, endpoints: () => endpoints });
  const names = async () => {
    const [policies, claims] = await Promise.all([objects.list('Policy'), objects.list('Claim')]);
    return [...policies.objects, ...claims.objects].map(
      ({ object }) => `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
    );
  };
  return { store, objects, lines, log, marathon, follower, names, endpoints, metrics };
}

const vip = (id: string, value: string, containerPort = 80) => ({
  id,
  networks: [{ mode: 'container', name: 'weir' }],
  container: { portMappings: [{ containerPort, labels: { VIP_0: value } }] },
});

const app = (id: string, labels: object = { WEIR_POLICY: 'allow from app=lb' }, more: object = {}) => ({ id, labels, ...more });
const WEB = 'Policy shop/marathon-shop.web';

test('objects come, change and go with their app', async (t) => {
  const { marathon, follower, objects, names } = await setUp(t);
  marathon.apps = [app('/shop/web'), app('/shop/db', { WEIR_STICKY_IP: 'true' }), app('/plain', {})];
  await follower.sync();
  t.deepEqual(await names(), [WEB, 'Claim shop/marathon-shop.db']);
  const before = await objects.get('Policy', 'marathon-shop.web', 'shop');
  await follower.sync();
  t.is(
    (await objects.get('Policy', 'marathon-shop.web', 'shop'))?.revision,
    before?.revision,
    'a look that finds nothing new writes nothing',
  );
  marathon.apps = [app('/shop/web', { WEIR_POLICY: 'allow from app=other' })];
  await follower.sync();
  t.is((await objects.get('Policy', 'marathon-shop.web', 'shop'))?.object.spec.ingress[0]?.source?.selector, "app == 'other'");
  marathon.apps = [app('/shop/web', {})];
  await follower.sync();
  t.deepEqual(await names(), []);
});

test('services of VIP labels come with addresses, change with the apps behind them, and go; one without an address holds up nobody', async (t) => {
  const { marathon, follower, objects, lines } = await setUp(t);
  const services = async () =>
    (await objects.list('Service')).objects.map(
      ({ object }) => `${object.metadata.name} ${object.spec.selector} ${serviceAddresses(object).length}`,
    );
  marathon.apps = [vip('/shop/blue', '/web:80'), vip('/shop/other', '192.0.2.1:80')];
  await follower.sync();
  t.deepEqual(await services(), ["vip-192.0.2.1 weir/app == '/shop/other' 1", "web weir/app == '/shop/blue' 2"]);
  const before = await objects.get('Service', 'web', 'shop');
  await follower.sync();
  t.is((await objects.get('Service', 'web', 'shop'))?.revision, before?.revision, 'a look that finds nothing new writes nothing');

  marathon.apps = [
    vip('/shop/blue', '/web:80'),
    vip('/shop/green', '/web:80'),
    vip('/b/late', '192.0.2.1:80'),
    vip('/shop/other', '192.0.2.1:80'),
    vip('/z', '/z:80'),
  ];
  await follower.sync();
  t.true(lines.some(({ msg, app: told }) => msg === 'labels of an app cannot be followed' && told === '/b/late'));
  t.deepEqual(await services(), [
    "z weir/app == '/z' 2",
    "vip-192.0.2.1 weir/app == '/shop/other' 1",
    "web weir/app in { '/shop/blue', '/shop/green' } 2",
  ]);
  t.deepEqual(serviceAddresses((await objects.get('Service', 'web', 'shop'))!.object), serviceAddresses(before!.object));

  marathon.apps = [{ id: '/shop/blue', labels: 'unreadable' }, vip('/shop/green', '/web:80')];
  await follower.sync();
  t.true(
    (await services()).includes("web weir/app in { '/shop/blue', '/shop/green' } 2"),
    'an app that cannot be read now stays behind it',
  );
  marathon.apps = [{ id: '/shop/green', labels: 'unreadable' }];
  await follower.sync();
  t.deepEqual(await services(), ["web weir/app in { '/shop/blue', '/shop/green' } 2"], 'also when the other one behind it has gone');
  marathon.apps = [vip('/shop/green', '/web:80')];
  await follower.sync();
  t.deepEqual(await services(), ["web weir/app == '/shop/green' 2"]);
  marathon.apps = [];
  await follower.sync();
  t.deepEqual(await services(), []);
});

test("somebody's own object of the same name is left alone, and told once", async (t) => {
  const { marathon, follower, objects, names, lines } = await setUp(t);
  await objects.put(
    parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'marathon-shop.web', namespace: 'shop' }, spec: {} }),
  );
  await objects.put(
    parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'mine', labels: { 'weir/owner': 'me' } }, spec: {} }),
  );
  const { revision } = (await objects.get('Policy', 'marathon-shop.web', 'shop'))!;
  marathon.apps = [app('/shop/web')];
  for (let times = 0; times < 3; times++) await follower.sync();
  marathon.apps = [];
  await follower.sync();
  t.deepEqual(await names(), ['Policy default/mine', WEB]);
  t.is((await objects.get('Policy', 'marathon-shop.web', 'shop'))?.revision, revision);
  t.is(lines.length, 1);
});

test("what is stored in an object's place and is none holds up nobody", async (t) => {
  const { marathon, follower, store, names, lines } = await setUp(t);
  const garbage = { web: '{"weir/owner":"marathon"}', api: 'no JSON "weir/owner":"marathon"' };
  for (const [name, value] of Object.entries(garbage))
    await store.transact({ when: [], then: [{ put: `/weir/v1/Policy/shop/marathon-shop.${name}`, value }] });
  marathon.apps = [app('/shop/web'), app('/shop/api'), app('/shop/other')];
  for (let times = 0; times < 3; times++) await follower.sync();
  t.deepEqual(await names(), ['Policy shop/marathon-shop.other']);
  t.is(lines.length, 2);
  marathon.apps = [];
  await follower.sync();
  t.deepEqual(await names(), []);
});

test('an app that is gone keeps its policy until its last container is', async (t) => {
  const { marathon, follower, objects, names } = await setUp(t);
  marathon.apps = [app('/shop/web')];
  await follower.sync();
  const endpoint = parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: 'c1-eth0', namespace: 'shop' },
    spec: {
      host: 'h',
      containerId: 'c1',
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: 'weira',
      addresses: [],
      mesos: { task: 't', app: '/shop/web' },
    },
  });
  await objects.put(endpoint);
  marathon.apps = []; // gone, or a Marathon that lost its memory
  await follower.sync();
  t.deepEqual(await names(), [WEB]);
  await objects.remove('Endpoint', 'c1-eth0', 'shop');
  await follower.sync();
  t.deepEqual(await names(), []);
});

test('a Marathon that lies loses nothing and opens nothing', async (t) => {
  const { marathon, follower, objects, names, lines } = await setUp(t);
  marathon.apps = [app('/shop/web')];
  await follower.sync();
  const lies: unknown[][] = [
    [app('/shop/web', { WEIR_POLICY: 'alow from any' })],
    [app('/shop/web', { WEIR_POLICY: 7 })],
    [app('/shop/web'), app('/shop/web', {})],
    [{ labels: {} }],
    [{ id: '/shop/web', labels: 'x'.repeat(100_000) }],
  ];
  for (const lie of lies) {
    marathon.apps = lie;
    await follower.sync();
    await follower.sync();
    const { object } = (await objects.get('Policy', 'marathon-shop.web', 'shop'))!;
    t.is(object.spec.ingress[0]?.source?.selector, "app == 'lb'", JSON.stringify(lie).slice(0, 100));
  }
  t.is(lines.length, lies.length, 'each told once');
  marathon.apps = [app('/shop/new', { WEIR_POLICY: 'alow from any' }), app('/shop/web')];
  await follower.sync();
  t.deepEqual((await objects.get('Policy', 'marathon-shop.new', 'shop'))?.object.spec.ingress, [], 'a new app is closed, not open');
  marathon.away = true;
  await t.throwsAsync(follower.sync(), { code: 'EUNAVAILABLE' });
  t.is((await names()).length, 2);
});

test("what Marathon's checks found is on the endpoint, outlasts a Marathon that knows of none, and is never written where it is the same", async (t) => {
  const { marathon, follower, objects, endpoints } = await setUp(t);
  const task = 'shop_web.instance-1._app.1';
  const checked = (alive?: boolean, state = 'TASK_RUNNING') =>
    app(
      '/shop/web',
      {},
      {
        healthChecks: [{ protocol: 'HTTP' }],
        tasks: [{ id: task, state, ...(alive !== undefined && { healthCheckResults: [{ alive }] }) }],
      },
    );
  const endpoint = parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: 'c1-eth0', namespace: 'shop' },
    spec: {
      host: 'h',
      containerId: 'c1',
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: 'weira',
      addresses: [],
      mesos: { task, app: '/shop/web' },
    },
  }) as Endpoint;
  await objects.put(endpoint);
  const look = async (...apps: unknown[]) => {
    const now = await objects.get('Endpoint', 'c1-eth0', 'shop');
    if (now !== undefined) endpoints.splice(0, 1, now.object);
    marathon.apps = apps;
    await follower.sync();
    return (await objects.get('Endpoint', 'c1-eth0', 'shop'))?.object.spec.ready;
  };
  t.is(await look(checked()), false, 'not before the first result');
  t.is(await look(checked(true)), true);
  const { revision } = (await objects.get('Endpoint', 'c1-eth0', 'shop'))!;
  t.is(await look(checked()), true, 'a new leader, which has not checked');
  t.is(await look(), true, 'a Marathon that lost its memory');
  t.is(await look(7, checked(true)), true, 'one that lies');
  t.is((await objects.get('Endpoint', 'c1-eth0', 'shop'))!.revision, revision);
  t.is(await look(checked(false)), false);
  t.is(await look(checked(true, 'TASK_KILLING')), false, 'it is about to end');
  await objects.remove('Endpoint', 'c1-eth0', 'shop');
  t.is(await look(checked(true)), undefined, 'what is gone stays gone');
});

test('events that repeat cost a look, and those that mean nothing none', async (t) => {
  const { marathon, follower, names, metrics } = await setUp(t);
  const stop = new AbortController();
  const following = follower.follow({ intervalSeconds: 3600, signal: stop.signal });
  while (marathon.looks === 0) await delay(5);
  await delay(300);
  const before = marathon.looks;
  marathon.apps = [app('/shop/web')];
  for (let times = 0; times < 1000; times++) marathon.tell('api_post_event');
  while ((await names()).length === 0) await delay(5);
  for (let times = 0; times < 1000; times++) marathon.tell('unheard_of_event');
  await delay(300);
  t.true(marathon.looks - before <= 2);
  const counted = (await metrics.registry.getSingleMetric('weir_marathon_events_total')?.get())?.values;
  t.like(counted, [
    { labels: { kind: 'change' }, value: 1000 },
    { labels: { kind: 'other' }, value: 1000 },
  ]);
  stop.abort();
  await following;
});

test('a Marathon that fails again and again is told of once, counted, and loses nothing; a clock that jumps makes no difference', async (t) => {
  const { marathon, follower, names, lines, metrics } = await setUp(t);
  marathon.apps = [app('/shop/web')];
  await follower.sync();
  marathon.away = true;
  const before = marathon.looks;
  const { now } = Date;
  let day = 0;
  Date.now = () => now() + (day++ % 2 === 0 ? 86_400_000 : -86_400_000);
  t.teardown(() => {
    Date.now = now;
  });
  const stop = new AbortController();
  const following = follower.follow({ intervalSeconds: 3600, signal: stop.signal });
  while (marathon.looks === before) await delay(5);
  const first = performance.now();
  while (marathon.looks === before + 1) await delay(5);
  t.true(performance.now() - first > 1500, 'two seconds before it is asked again');
  // The last one was asked for, and is counted when it has failed.
  await new Promise(setImmediate);
  const failed = marathon.looks - before;
  t.is(lines.length, 1);
  const counted = (await metrics.registry.getSingleMetric('weir_marathon_failures_total')?.get())?.values;
  t.like(counted, [{ labels: { what: 'request' }, value: failed }]);
  t.deepEqual(await names(), [WEB]);
  stop.abort();
  await following;
});

test('one leads, and the next one when it ends', async (t) => {
  const { store, log } = await setUp(t);
  const leading: string[] = [];
  const start = (host: string) => {
    const stop = new AbortController();
    const ended = whileLeading({ store, name: 'marathon', host, ttlSeconds: 4, signal: stop.signal, log }, async (signal) => {
      leading.push(host);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const end = async () => {
      stop.abort();
      await ended;
    };
    t.teardown(end);
    return end;
  };
  const stopA = start('a');
  while (leading.length < 1) await delay(5);
  const stopB = start('b');
  await delay(1600);
  t.deepEqual(leading, ['a']);
  await stopA();
  while (leading.length < 2) await delay(5);
  t.deepEqual(leading, ['a', 'b']);
  await stopB();
});
