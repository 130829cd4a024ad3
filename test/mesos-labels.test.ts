/** Labels of apps, as the Mesos agent tells them: in force before a container's first packet, late, and gone. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Container, MarathonServer, MesosAgentDouble, Scheduler } from '@weir/lab';
import { appSchema } from '@weir/mesos';
import { type Endpoint, WARNINGS_ANNOTATION } from '@weir/resources';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Testbed } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

const chain = (policy: object) => [
  { type: 'weir-route', ipam: { type: 'weir-ipam' } },
  { type: 'weir-policy', ...policy },
];
const network = (name: string, policy: object) => ({ cniVersion: '1.0.0', name, type: 'weir', chain: chain(policy) });

const testbed = Testbed.share(test, {
  hosts: 1,
  networks: [network('weir', {}), network('held', { waitForLabels: true })],
  agent: { dns: {}, mesos: { interval: 1, orphanGrace: 10 }, marathon: { urls: ['http://127.0.0.1:8080'], interval: 1 } },
});
let mesos: MesosAgentDouble;
const opened: Traffic[] = [];

test.serial.before('a Mesos agent', async () => {
  mesos = new MesosAgentDouble(testbed().hosts[0]!);
  await mesos.listen();
});

test.serial.after.always(async () => {
  mesos?.close();
  for (const traffic of opened) await traffic.close();
});

interface Task {
  container: Container;
  address: string;
  traffic: Traffic;
}

/** A task of Marathon's app `id`, which listens on 80 and 81. */
async function launch(id: string, labels: Record<string, string>, { in: name = 'weir', networkLabels = {} } = {}): Promise<Task> {
  const pairs = (map: Record<string, string>) => Object.entries(map).map(([key, value]) => ({ key, value }));
  const scope = { labels: [{ key: 'network-scope', value: 'container' }] };
  const task = {
    id: `${id.slice(1).replaceAll('/', '_')}.instance-${randomUUID()}._app.1`,
    labels: pairs(labels),
    ports: [{ number: 80, name: 'http', protocol: 'tcp', labels: scope }],
  };
  const container = await mesos.launch(task, {
    networkInfos: [{ name, labels: { labels: pairs(networkLabels) } }],
    command: 'exec sleep 100000',
  });
  const traffic = new Traffic(id, container.namespace);
  opened.push(traffic);
  await traffic.listen({ tcp: [80, 81], udp: [] });
  return { container, address: container.networks[0]!.ip_addresses[0]!.ip_address.split('/')[0]!, traffic };
}

async function endpointOf({ container }: Task): Promise<Endpoint | undefined> {
  const { objects } = await testbed().objects.list('Endpoint');
  return objects.map(({ object }) => object).find(({ spec }) => spec.containerId === container.containerId);
}

test.serial('an app is guarded by its own labels from its first packet on', async (t) => {
  const web = await launch('/shop/web', { WEIR_POLICY: 'allow from app=lb port http', 'team/x': 'a b' });
  const endpoint = await endpointOf(web);
  t.like(endpoint?.metadata, {
    namespace: 'shop',
    labels: { app: 'web', 'team.x': 'a-b', 'weir/app': '/shop/web', 'weir/framework': 'marathon' },
  });
  t.deepEqual(endpoint?.spec.ports, [{ name: 'http', protocol: 'TCP', port: 80 }]);
  const [balancer, other] = [await launch('/shop/lb', {}), await launch('/shop/other', {})];
  t.true(await eventually(() => balancer.traffic.tcp({ address: web.address, port: 80 }), Boolean));
  t.false(await balancer.traffic.tcp({ address: web.address, port: 81 }));
  t.false(await other.traffic.tcp({ address: web.address, port: 80 }));
  const stored = await testbed().objects.get('Policy', 'marathon-shop.web', 'shop');
  t.is(stored?.object.metadata.labels['weir/owner'], 'marathon');
});

test.serial('an app is found by the names that Marathon and Mesos-DNS would give it', async (t) => {
  t.timeout(30_000);
  const [api, asks] = [await launch('/shop/back/api', {}), await launch('/shop/asks', {})];
  const dig = async (name: string, type: string) => {
    const inside = [`--net=${asks.container.namespace}`, 'dig', '+short', '@169.254.1.53', name, type];
    return (await promisify(execFile)('nsenter', inside)).stdout.trim();
  };
  for (const name of ['api.back.shop.marathon.weir', 'api-back-shop.marathon.weir', 'api-back.shop.weir', 'api.back.shop.weir']) {
    t.is(await eventually(() => dig(name, 'A'), Boolean), api.address, name);
  }
  const own = `${api.address.replaceAll('.', '-')}.shop.weir.`;
  for (const name of ['_http._api-back-shop._tcp.marathon.weir', '_api-back-shop._tcp.marathon.weir', '_http._tcp.api-back.shop.weir']) {
    t.is(await dig(name, 'SRV'), `0 1 80 ${own}`, name);
  }
});

test.serial('an app asks for its address, and keeps a sticky one', async (t) => {
  const fixed = await launch('/shop/fixed', { WEIR_IP: '10.64.9.9' });
  t.is(fixed.address, '10.64.9.9');
  const first = await launch('/shop/db', { WEIR_STICKY_IP: 'true' });
  await mesos.destroy(first.container.containerId);
  await launch('/shop/between', {});
  t.is((await launch('/shop/db', { WEIR_STICKY_IP: 'true' })).address, first.address);
});

test.serial('a label that is wrong opens nothing, and is told on the endpoint', async (t) => {
  const web = await launch('/shop/typo', { WEIR_POLICY: 'alow from any', WEIR_POLCY: 'x' });
  const other = await launch('/shop/curious', {});
  t.false(await other.traffic.tcp({ address: web.address, port: 80 }));
  t.regex((await endpointOf(web))?.metadata.annotations[WARNINGS_ANNOTATION] ?? '', /POLCY.*"alow"/s);
  const { metadata } = (await endpointOf(web))!;
  t.regex(
    await testbed().mustWeir(['describe', 'endpoint', metadata.name, '-n', 'shop']),
    /Warnings: +label "WEIR_POLCY".*App: +\/shop\/typo/s,
  );
});

test.serial('while the Mesos agent is silent, a network that waits is closed and another one is not', async (t) => {
  const client = await launch('/shop/client', {});
  mesos.isRecovering = true;
  const [held, open] = [await launch('/shop/held', { run: 'held' }, { in: 'held' }), await launch('/shop/open', { run: 'open' })];
  t.true((await endpointOf(held))?.spec.waitsForLabels);
  t.false(await client.traffic.tcp({ address: held.address, port: 80 }));
  t.false(await held.traffic.tcp({ address: client.address, port: 80 }));
  t.true(await client.traffic.tcp({ address: open.address, port: 80 }));
  mesos.isRecovering = false;
  t.true(await eventually(() => client.traffic.tcp({ address: held.address, port: 80 }), Boolean));
  for (const [task, run] of [
    [held, 'held'],
    [open, 'open'],
  ] as const) {
    const joined = await eventually(
      () => endpointOf(task),
      (endpoint) => endpoint?.spec.mesos?.task !== undefined,
    );
    t.like(joined?.metadata, { namespace: 'shop', labels: { run } });
  }
  t.true(await client.traffic.tcp({ address: open.address, port: 80 }), 'a move to another namespace leaves it open');
});

test.serial('a network that waits is at no moment open to those whom the labels do not let in', async (t) => {
  const [balancer, other] = [await launch('/shop/lb', {}), await launch('/shop/other', {})];
  mesos.isRecovering = true;
  const web = await launch('/shop/guarded', { WEIR_POLICY: 'allow from app=lb port http' }, { in: 'held' });
  await other.traffic.attempts('forbidden', { address: web.address, port: 80 });
  await balancer.traffic.attempts('other port', { address: web.address, port: 81 });
  mesos.isRecovering = false;
  t.true(await eventually(() => balancer.traffic.tcp({ address: web.address, port: 80 }), Boolean));
  for (const [from, name] of [
    [other, 'forbidden'],
    [balancer, 'other port'],
  ] as const) {
    const { tried, through } = await from.traffic.attemptsState(name);
    t.true(tried > 20, `${tried}`);
    t.is(through, 0);
  }
});

test.serial('labels of 100 kB hold up no launch, and open nothing', async (t) => {
  const big = 'allow from any; '.repeat(7000);
  const web = await launch('/shop/big', { WEIR_POLICY: big, run: big, [`k${big}`]: 'x' });
  const other = await launch('/shop/curious', {});
  t.false(await other.traffic.tcp({ address: web.address, port: 80 }));
  const endpoint = (await endpointOf(web))!;
  t.deepEqual(Object.keys(endpoint.metadata.labels).sort(), ['app', 'weir/app', 'weir/framework', 'weir/role']);
  const warnings = endpoint.metadata.annotations[WARNINGS_ANNOTATION] ?? '';
  t.regex(warnings, /at most 4096 are read/);
  t.true(warnings.length < 1000, `${warnings.length}`);
});

test.serial('what the Mesos agent denies is collected after the grace time, and nothing while it is silent', async (t) => {
  const lost = await launch('/shop/lost', {});
  const kept = await launch('/shop/kept', {});
  mesos.forget(lost.container.containerId);
  mesos.setHealth(kept.container.containerId, false);
  t.is(
    (
      await eventually(
        () => endpointOf(kept),
        (endpoint) => endpoint?.spec.mesos?.healthy === false,
      )
    )?.spec.mesos?.healthy,
    false,
  );
  t.truthy(await endpointOf(lost));
  t.is(
    await eventually(
      () => endpointOf(lost),
      (endpoint) => endpoint === undefined,
      { limitMs: 20_000 },
    ),
    undefined,
  );
  t.truthy(await endpointOf(kept));
});

test.serial('what an app asks for goes with it, and an app that Marathon does not know of keeps it while it runs', async (t) => {
  const scheduler = new Scheduler([mesos], (line) => t.log(line));
  const server = new MarathonServer(scheduler);
  await server.listenIn(testbed().hosts[0]!.namespace, 8080);
  t.teardown(() => server.close());
  const { objects } = testbed();
  const policy = (name: string) => async () => (await objects.get('Policy', name, 'shop')) !== undefined;
  scheduler.apply(appSchema.parse({ id: '/shop/brief', cmd: 'exec sleep 100000', instances: 0, labels: { WEIR_EGRESS: 'none' } }));
  t.true(await eventually(policy('marathon-shop.brief'), Boolean), 'also before it has an instance');
  scheduler.remove('/shop/brief');
  t.false(await eventually(policy('marathon-shop.brief'), (there) => !there));
  t.true(await policy('marathon-shop.web')());
});

test.serial("what Marathon's health checks find is on the endpoint, and Marathon away takes nothing back", async (t) => {
  const scheduler = new Scheduler([mesos], (line) => t.log(line));
  const server = new MarathonServer(scheduler);
  await server.listenIn(testbed().hosts[0]!.namespace, 8080);
  t.teardown(() => server.close());
  const app = { id: '/shop/checked', cmd: 'exec sleep 100000', networks: [{ mode: 'container', name: 'weir' }], healthChecks: [{}] };
  scheduler.apply(appSchema.parse(app));
  const ready = async () =>
    (await testbed().objects.list('Endpoint')).objects.find(({ object }) => object.spec.mesos?.app === '/shop/checked')?.object.spec.ready;
  const becomes = (wanted: boolean) => eventually(ready, (found) => found === wanted);
  t.false(await becomes(false), 'not before the first result');
  const task = scheduler.tasks('/shop/checked')![0]!.id;
  scheduler.setHealth(task, true);
  t.true(await becomes(true));
  scheduler.setHealth(task, false);
  t.false(await becomes(false));
  scheduler.setHealth(task, true);
  t.true(await becomes(true));
  server.close();
  await delay(2500);
  t.true(await ready());
  await scheduler.close();
});
