import { type MarathonAppDefinition, MarathonClient } from '@weir/mesos';
import test, { type ExecutionContext } from 'ava';
import type { Container, ContainerRequest } from '../container/containerizer.ts';
import type { TaskAgent } from './instance.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { MarathonServer } from './marathon-server.ts';
import { Scheduler } from './scheduler.ts';
import { StandbyMarathon } from './standby-marathon.ts';

/** An agent whose containers are entries in a list. */
class FakeAgent implements TaskAgent {
  readonly name: string;
  readonly launched: Omit<ContainerRequest, 'containerId'>[] = [];
  readonly containers = new Map<string, { end: (code: number) => void }>();
  /** Families that containers get an address of. */
  families: ('IPv4' | 'IPv6')[] = ['IPv4'];
  failure: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async launch(_task: unknown, request: Omit<ContainerRequest, 'containerId'>): Promise<Container> {
    this.launched.push(request);
    if (this.failure !== undefined) throw new Error(this.failure);
    const containerId = `${this.name}-${this.launched.length}`;
    const { promise: exit, resolve } = Promise.withResolvers<Awaited<Container['exit']>>();
    this.containers.set(containerId, { end: (code) => resolve({ code, signal: null }) });
    const ip_addresses = this.families.map((protocol) => ({ protocol, ip_address: protocol === 'IPv4' ? '10.0.0.1' : 'fd00::1/128' }));
    return { containerId, pid: 1, namespace: '', sandbox: '', networks: [{ name: 'weir', ip_addresses }], exit };
  }

  readonly groups: LaunchPlan[] = [];

  async launchGroup(plan: LaunchPlan): Promise<Container> {
    this.groups.push(plan);
    return this.launch(undefined, { networkInfos: plan.networkInfos, command: '' });
  }

  async destroy(containerId: string): Promise<void> {
    this.containers.delete(containerId);
  }
}

async function setUp(t: ExecutionContext, hosts = 3) {
  const agents = Array.from({ length: hosts }, (_, index) => new FakeAgent(`host-${index + 1}`));
  const scheduler = new Scheduler(agents, (line) => t.log(line));
  const server = new MarathonServer(scheduler);
  const url = await server.listen();
  t.teardown(() => server.close());
  return { agents, url, scheduler, client: new MarathonClient({ url }), running: () => agents.map(({ containers }) => containers.size) };
}

const app = (id: string, more: Partial<MarathonAppDefinition> = {}): MarathonAppDefinition => ({ id, cmd: 'sleep 1', ...more });

async function settled(client: MarathonClient, id: string) {
  for (;;) {
    const found = await client.getApp(id);
    if (found.deployments.length === 0) return found;
  }
}

test('instances are spread over the agents, scaled and deleted', async (t) => {
  const { client, running } = await setUp(t);
  await client.createApp(app('/a', { instances: 2 }));
  await client.createApp(app('/b', { instances: 2 }));
  await settled(client, '/a');
  t.is((await settled(client, '/b')).tasksRunning, 2);
  t.deepEqual(running().sort(), [1, 1, 2]);
  await client.scaleApp('/a', 3);
  await settled(client, '/a');
  const hosts = (await client.listTasks('/a')).map(({ host }) => host);
  t.deepEqual([...hosts].sort(), ['host-1', 'host-2', 'host-3']);
  await client.scaleApp('/a', 1);
  await settled(client, '/a');
  t.deepEqual(
    (await client.listTasks('/a')).map(({ host }) => host),
    hosts.slice(0, 1),
    'the oldest stays',
  );
  await client.deleteApp('/a');
  while ((await client.listApps()).length > 1);
  t.deepEqual(
    running().reduce((sum, count) => sum + count),
    2,
  );
});

test("network labels and mapped ports reach NetworkInfo, the app's own labels do not", async (t) => {
  const { client, agents } = await setUp(t, 1);
  await client.createApp(
    app('/shop/web', {
      labels: { own: 'label' },
      networks: [
        { mode: 'container', name: 'weir', labels: { run: 'web' } },
        { mode: 'container', name: 'second' },
      ],
      container: {
        portMappings: [
          { containerPort: 80, hostPort: 8080, name: 'http', networkNames: ['weir'] },
          { containerPort: 53, hostPort: 0, protocol: 'udp,tcp', networkNames: ['second'] },
          { containerPort: 9000, name: 'admin-ui' },
        ],
      },
    }),
  );
  await settled(client, '/shop/web');
  const { networkInfos, env } = agents[0]!.launched[0]!;
  t.deepEqual(networkInfos, [
    {
      name: 'weir',
      ip_addresses: [{}],
      labels: { labels: [{ key: 'run', value: 'web' }] },
      port_mappings: [{ host_port: 8080, container_port: 80, protocol: 'tcp' }],
    },
    {
      name: 'second',
      ip_addresses: [{}],
      port_mappings: [
        { host_port: 31000, container_port: 53, protocol: 'udp' },
        { host_port: 31000, container_port: 53, protocol: 'tcp' },
      ],
    },
  ]);
  t.like(env, {
    MARATHON_APP_ID: '/shop/web',
    PORT: '80',
    PORT0: '80',
    PORT1: '53',
    PORT_HTTP: '80',
    PORT_ADMIN_UI: '9000',
    PORTS: '80,53,9000',
  });
});

test('a failed launch is told, and tried again', async (t) => {
  const { client, agents } = await setUp(t, 1);
  agents[0]!.failure = "The CNI plugin '/x' failed";
  await client.createApp(app('/a'));
  t.like(await settled(client, '/a'), {
    tasksRunning: 0,
    lastTaskFailure: { message: "The CNI plugin '/x' failed", state: 'TASK_FAILED' },
  });
  agents[0]!.failure = undefined;
  while ((await client.getApp('/a')).tasksRunning === 0);
  t.is(agents[0]!.launched.length, 2);
});

test('a task without an IPv4 address fails as under the command executor', async (t) => {
  const { client, agents, running } = await setUp(t, 1);
  agents[0]!.families = ['IPv6'];
  await client.createApp(app('/a'));
  t.like(await settled(client, '/a'), { tasksRunning: 0, lastTaskFailure: { message: 'Failed to obtain the IP address' } });
  t.deepEqual(running(), [0], 'its container is gone');
});

test('a task that ends is launched again', async (t) => {
  const { client, agents } = await setUp(t, 1);
  await client.createApp(app('/a'));
  await settled(client, '/a');
  agents[0]!.containers.get('host-1-1')!.end(3);
  while (agents[0]!.launched.length < 2) await client.getApp('/a');
  t.like(await settled(client, '/a'), { lastTaskFailure: { message: 'Command exited: status 3' } });
});

test('more than a new number of instances replaces all of them', async (t) => {
  const { client, agents } = await setUp(t, 1);
  await client.createApp(app('/a', { instances: 2 }));
  await settled(client, '/a');
  await client.updateApp('/a', { cmd: 'sleep 2' });
  await settled(client, '/a');
  t.deepEqual([...agents[0]!.containers.keys()], ['host-1-3', 'host-1-4']);
  t.is(agents[0]!.launched[3]!.command, 'sleep 2');
});

test('refusals are those of Marathon', async (t) => {
  const { client, url } = await setUp(t);
  await client.createApp(app('/a', { instances: 0 }));
  await t.throwsAsync(client.createApp(app('/a')), { message: /An app with id \[\/a\] already exists\./ });
  await t.throwsAsync(client.getApp('/none'), { message: /App '\/none' does not exist/ });
  await t.throwsAsync(client.createApp(app('/B')), { message: /Object is not valid; \/id: .*lower-case/ });
  await t.throwsAsync(client.createApp(app('/c', { networks: [{ mode: 'container' }] })), { message: /must have a name/ });
  const broken = await fetch(`${url}/v2/apps`, { method: 'POST', body: '{' });
  t.is(broken.status, 400);
  t.like(await broken.json(), { message: 'Invalid JSON' });
});

test('the event stream tells of apps that come, are deployed and go', async (t) => {
  const { client } = await setUp(t);
  const seen: string[] = [];
  const stop = new AbortController();
  const { promise: attached, resolve: attach } = Promise.withResolvers<void>();
  const onEvent = (type: string) => {
    seen.push(type);
    attach();
    if (type === 'app_terminated_event') stop.abort();
  };
  const following = client.followEvents(onEvent, { silence: 5000, signal: stop.signal });
  await attached;
  await client.createApp(app('/a'));
  await settled(client, '/a');
  await client.deleteApp('/a');
  await following;
  const own = seen.filter((type) => type !== 'event_stream_attached');
  const lives = ['api_post_event', 'deployment_info', 'status_update_event', 'deployment_success', 'app_terminated_event'];
  t.deepEqual(
    lives.map((type) => own.indexOf(type)).toSorted((left, right) => left - right),
    lives.map((type) => own.indexOf(type)),
    own.join(' '),
  );
  t.true(own.includes('app_terminated_event'));
  t.deepEqual(await client.listDefinitions(), { apps: [], pods: [], podStatuses: [] });
});

test('who gives no password, or a wrong one, is refused', async (t) => {
  const server = new MarathonServer(new Scheduler([], () => {}), { credentials: { user: 'weir', password: 'secret' } });
  const url = await server.listen();
  t.teardown(() => server.close());
  await t.throwsAsync(new MarathonClient({ url }).listApps(), { code: 'EHTTP', message: /Invalid username or password/ });
  await t.throwsAsync(new MarathonClient({ url, user: 'weir' }).listApps(), { code: 'EHTTP' });
});

const POD = {
  id: '/shop/pod',
  labels: { tier: 'pod' },
  scaling: { kind: 'fixed' as const, instances: 2 },
  networks: [{ mode: 'container' as const, name: 'weir', labels: { run: 'pod' } }],
  containers: [
    {
      name: 'web',
      exec: { command: { shell: 'exec ./web' } },
      labels: { of: 'web' },
      endpoints: [{ name: 'http', containerPort: 80, hostPort: 0, labels: { VIP_0: '/web:80' } }],
    },
    { name: 'log', exec: { command: { argv: ['./log', "it's"] } } },
  ],
};

test('a pod is a task group under one executor, with the labels of each where Mesos has them', async (t) => {
  const { client, agents } = await setUp(t, 1);
  await client.createPod(POD);
  let status = await client.getPodStatus('/shop/pod');
  while (status.status !== 'STABLE') status = await client.getPodStatus('/shop/pod');
  t.is(status.instances.length, 2);
  t.deepEqual(status.instances[0]?.networks, [{ name: 'weir', addresses: ['10.0.0.1'] }]);
  const [plan] = agents[0]!.groups;
  t.regex(plan!.executor!.id, /^instance-shop_pod\.[0-9a-f-]{36}$/);
  t.deepEqual(plan!.executor!.labels, [{ key: 'tier', value: 'pod' }]);
  t.deepEqual(plan!.networkInfos[0]?.port_mappings, [{ host_port: 31000, container_port: 80, protocol: 'tcp' }]);
  const [web, log] = plan!.tasks;
  t.regex(web!.id, /^shop_pod\.instance-[0-9a-f-]{36}\.web$/);
  t.deepEqual(web!.labels, [{ key: 'of', value: 'web' }]);
  t.deepEqual(web!.ports[0]?.labels.labels, [
    { key: 'VIP_0', value: '/web:80' },
    { key: 'network-scope', value: 'host' },
  ]);
  t.is(web!.env.ENDPOINT_HTTP, '31000');
  t.is(log!.command, "exec './log' 'it'\\''s'");
  t.deepEqual((await client.listDefinitions()).pods.length, 1);
  await t.throwsAsync(client.createPod(POD), { message: /A pod with id \[\/shop\/pod\] already exists/ });
  await client.deletePod('/shop/pod');
  while ((await client.listDefinitions()).pods.length > 0);
  t.is(agents[0]!.containers.size, 0);
});

test('an app of before Marathon 1.5 becomes one of today', async (t) => {
  const { client, agents, url } = await setUp(t, 1);
  const old = {
    id: 'old',
    cmd: 'sleep 1',
    ipAddress: {
      networkName: 'weir',
      labels: { run: 'old' },
      discovery: { ports: [{ number: 80, name: 'http', protocol: 'tcp', labels: { VIP_0: '/old:80' } }] },
    },
  };
  await client.createApp(old as never);
  const app = await settled(client, '/old');
  t.deepEqual(app.networks, [{ mode: 'container', name: 'weir', labels: { run: 'old' } }]);
  t.false('ipAddress' in app);
  t.like(app.container?.portMappings?.[0], { containerPort: 80, name: 'http' });
  t.is(agents[0]!.launched[0]!.networkInfos[0]?.name, 'weir');
  const both = { ...old, id: '/both', networks: [{ mode: 'container', name: 'weir' }] };
  const refused = await fetch(`${url}/v2/apps`, { method: 'POST', body: JSON.stringify(both) });
  t.is(refused.status, 422);
  t.like(await refused.json(), { message: 'Object is not valid', details: [{ errors: ['cannot specify both networks and ipAddress'] }] });
});

test('a group: apps with paths relative to it, and all of them gone with it', async (t) => {
  const { client, url } = await setUp(t, 1);
  const group = { id: '/shop', apps: [app('web')], groups: [{ id: 'back', apps: [app('db'), app('/shop/back/api')] }] };
  await client.createGroup(group);
  t.deepEqual((await client.listApps()).map(({ id }) => id).sort(), ['/shop/back/api', '/shop/back/db', '/shop/web']);
  const info = await (await fetch(`${url}/v2/groups/shop`)).json();
  t.like(info, { id: '/shop', apps: [{ id: '/shop/web' }], groups: [{ id: '/shop/back' }] });
  await t.throwsAsync(client.createGroup(group), { message: /Group \/shop is already created\. Use PUT to change this group\./ });
  await t.throwsAsync(client.createGroup({ id: '/x', apps: [app('/elsewhere')] }), { message: /is not child of \/x\. Hint: use relative/ });
  await client.deleteGroup('/shop');
  while ((await client.listApps()).length > 0);
  await t.throwsAsync(client.deleteGroup('/shop'), { message: /Group '\/shop' does not exist/ });
});

test('health is told by event, by task and by count', async (t) => {
  const { client, scheduler } = await setUp(t, 1);
  await client.createApp(app('/a'));
  await settled(client, '/a');
  const [task] = await client.listTasks('/a');
  t.is(task!.healthCheckResults, undefined);
  const stop = new AbortController();
  const seen: string[] = [];
  const following = client.followEvents(
    (type) => {
      seen.push(type);
      if (type === 'event_stream_attached') setTimeout(() => scheduler.setHealth(task!.id, false), 50);
      if (type === 'instance_health_changed_event') stop.abort();
    },
    { silence: 5000, signal: stop.signal },
  );
  await following;
  t.true(seen.includes('health_status_changed_event'));
  t.is((await client.listTasks('/a'))[0]?.healthCheckResults?.[0]?.alive, false);
  t.is((await client.getApp('/a')).tasksUnhealthy, 1);
});

test('a Marathon that does not lead passes requests on, sends to the leader for events, and has none while nobody leads', async (t) => {
  const server = new MarathonServer(new Scheduler([], () => {}), { authorization: 'token=abc' });
  const leader = await server.listen();
  const standby = new StandbyMarathon(leader);
  const url = await standby.listen();
  t.teardown(() => {
    server.close();
    standby.close();
  });
  const ask = (path: string) => fetch(url + path, { headers: { authorization: 'token=abc' }, redirect: 'manual' });
  const apps = await ask('/v2/apps');
  t.is(apps.status, 200);
  t.is(apps.headers.get('x-marathon-leader'), leader);
  const events = await ask('/v2/events');
  t.is(events.status, 302);
  t.is(events.headers.get('location'), `${leader}/v2/events`);
  t.is((await fetch(`${url}/v2/apps`)).status, 401);
  standby.leader = undefined;
  t.is((await ask('/v2/apps')).status, 502);
});
