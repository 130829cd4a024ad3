/** A Docker engine itself with Weir's drivers: what the Docker containerizer of Mesos runs its tasks with. Who reaches whom is measured by packets. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Netlink } from '@weir/kernel';
import { MesosAgentDouble } from '@weir/lab';
import { appSchema } from '@weir/mesos';
import type { Endpoint } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { AgentStepper } from '../testbed/agent-stepper.ts';
import { eventually } from '../testbed/eventually.ts';
import { Testbed } from '../testbed/testbed.ts';
import { Traffic } from '../testbed/traffic.ts';
import { Docker, type DockerContainer } from './docker.ts';
import { dockerPrograms } from './docker-programs.ts';

// Paths of sockets have to be short.
const FOLDER = mkdtempSync('/tmp/weir-docker-');
const PLUGINS = join(FOLDER, 'plugins');
const EXAMPLE = new URL('../../marathon/docker/', import.meta.url).pathname;
const programs = await dockerPrograms();

let docker: Docker | undefined;
let mesos: MesosAgentDouble;

// Before the lab goes, with whatever is in its namespaces.
test.serial.after.always(async () => {
  mesos?.close();
  await docker?.close();
  await rm(FOLDER, { recursive: true, force: true });
});

const testbed = Testbed.share(test, {
  hosts: 1,
  agent: { docker: { socket: join(FOLDER, 'docker.sock'), plugins: PLUGINS, interval: 1, orphanGrace: 6 }, mesos: { interval: 1 } },
});

const ONLY_FRIENDS = `
apiVersion: weir/v1
kind: Policy
metadata: { name: friends }
spec: { selector: app == 'server', ingress: [{ action: Allow, source: { selector: app == 'friend' } }] }
`;

test.serial.before('a Docker engine', async (t) => {
  t.timeout(60_000);
  if ('missing' in programs) return;
  docker = new Docker({ host: testbed().hosts[0]!, programs: programs.path, folder: FOLDER, plugins: PLUGINS });
  await docker.start();
  await docker.importImage('busybox', 'LABEL app=friend');
  await makeNetwork(docker, 'shop');
  mesos = new MesosAgentDouble(testbed().hosts[0]!);
  await mesos.listen();
});

function makeNetwork(engine: Docker, name: string, ...options: string[]): Promise<string> {
  return engine.docker('network', 'create', '-d', 'weir', '--ipam-driver', 'weir-ipam', ...options, name);
}

/** Skips, and says why, where there is no Docker to be had. */
function testDocker(title: string, body: (t: ExecutionContext, engine: Docker) => Promise<void>): void {
  const define = 'missing' in programs ? test.serial.skip : test.serial;
  define(title, (t) => body(t, docker!));
}
if ('missing' in programs) console.log(`no Docker here, so its tests are skipped: ${programs.missing}`);

/** With traffic from within; removed after the test. */
async function run(
  t: ExecutionContext,
  engine: Docker,
  name: string,
  network: string,
  ...more: string[]
): Promise<DockerContainer & { traffic: Traffic }> {
  t.teardown(() => engine.remove(name).catch(() => {}));
  const container = await engine.run(name, network, ...more);
  const traffic = new Traffic(name, container.namespace);
  t.teardown(() => traffic.close());
  await traffic.listen({ tcp: [80] });
  return { ...container, traffic };
}

/** As the Docker containerizer starts the task of an app (docker/docker.cpp), with the test's own image. */
async function launch(t: ExecutionContext, engine: Docker, file: string): Promise<DockerContainer & { traffic: Traffic }> {
  const { id, networks, container } = appSchema.parse(JSON.parse(readFileSync(join(EXAMPLE, file), 'utf8')));
  const task = `${id.slice(1).replaceAll('/', '_')}.instance-${randomUUID()}._app.1`;
  const pairs = Object.entries(networks![0]!.labels ?? {}).map(([key, value]) => ({ key, value: String(value) }));
  const portMappings = container!.portMappings ?? [];
  const name = networks![0]!.name!;
  const scope = { labels: [{ key: 'network-scope', value: 'container' }] };
  const containerId = mesos.announce({
    id: task,
    labels: [],
    ports: portMappings.map(({ containerPort, name: port, protocol = 'tcp' }) => ({
      number: containerPort!,
      name: port!,
      protocol,
      labels: scope,
    })),
    container: { type: 'DOCKER', network_infos: [{ name, labels: { labels: pairs } }] },
  });
  t.teardown(() => mesos.forget(containerId));
  const ports = portMappings.flatMap(({ hostPort, containerPort }) =>
    hostPort === undefined ? [] : ['-p', `${hostPort}:${containerPort}`],
  );
  return run(t, engine, `mesos-${containerId}`, name, '-e', `MESOS_TASK_ID=${task}`, '--label', `MESOS_TASK_ID=${task}`, ...ports);
}

async function endpoints(): Promise<Endpoint[]> {
  const { objects } = await testbed().objects.list('Endpoint');
  return objects.map(({ object }) => object);
}

async function heldAddresses(): Promise<number> {
  const pools = JSON.parse(await testbed().mustWeir(['ipam', 'show', '-o', 'json'])) as { used: number }[];
  return pools.reduce((sum, { used }) => sum + used, 0);
}

function hostLinks(): string[] {
  using netlink = Netlink.open({ namespace: testbed().hosts[0]!.namespace });
  return netlink.links().flatMap(({ name }) => (['lo', 'eth0'].includes(name) ? [] : [name]));
}

const isNothingLeft = async () => (await endpoints()).length === 0 && hostLinks().length === 0 && (await heldAddresses()) === 0;

testDocker("the drivers' sockets are root's alone", async (t) => {
  for (const name of ['weir.sock', 'weir-ipam.sock']) t.is(statSync(join(PLUGINS, name)).mode & 0o777, 0o600);
});

testDocker('a container has an address of the pools, reaches a task of Mesos, and leaves nothing', async (t, engine) => {
  const bed = testbed();
  const task = await bed.launch(bed.hosts[0]!, { app: 'task' });
  const one = await run(t, engine, 'one', 'shop', '--label', 'app=server');
  t.regex(one.ipv4, /^10\.64\./);
  t.true(await one.traffic.tcp({ address: task.ipv4, port: 80 }));
  t.true(await task.traffic.tcp({ address: one.ipv4, port: 80 }));
  const endpoint = (await endpoints()).find(({ spec }) => spec.docker !== undefined);
  t.like(endpoint, {
    metadata: { namespace: 'default', labels: { app: 'server' } },
    spec: { network: 'shop', addresses: [one.ipv4], mac: one.mac, docker: { name: 'one' } },
  });
  await bed.destroy(task);
  await one.traffic.close();
  await engine.remove('one');
  t.true(await eventually(isNothingLeft, Boolean));
});

testDocker("both families, a namespace and an MTU of the network's", async (t, engine) => {
  await makeNetwork(engine, 'dual', '--ipv6', '--ipam-opt', 'pools=ipv4,ipv6', '-o', 'namespace=dual', '-o', 'mtu=1400');
  const [one, two] = [await run(t, engine, 'one', 'dual'), await run(t, engine, 'two', 'dual')];
  for (const address of [two.ipv4, two.ipv6]) t.true(await one.traffic.tcp({ address, port: 80 }), address);
  t.deepEqual(
    (await endpoints()).map(({ metadata }) => metadata.namespace),
    ['dual', 'dual'],
  );
  using netlink = Netlink.open({ namespace: one.namespace });
  t.is(netlink.link('eth0')?.mtu, 1400);
});

testDocker('an address that the user wants, of a pool that the network names by its CIDR', async (t, engine) => {
  await makeNetwork(engine, 'fixed', '--subnet', '10.64.0.0/16');
  const one = await run(t, engine, 'one', 'fixed', '--ip', '10.64.7.7');
  t.is(one.ipv4, '10.64.7.7');
  await t.throwsAsync(engine.run('two', 'fixed', '--ip', '10.64.7.7'), { message: /10\.64\.7\.7/ });
  await engine.remove('two');
  t.is((await endpoints()).length, 1);
});

testDocker("policy goes by a container's labels, and not by its image's", async (t, engine) => {
  const bed = testbed();
  await bed.apply(ONLY_FRIENDS);
  t.teardown(() => bed.delete(ONLY_FRIENDS));
  const server = await run(t, engine, 'server', 'shop', '--label', 'app=server');
  const friend = await run(t, engine, 'friend', 'name=shop,driver-opt=app=friend');
  const stranger = await run(t, engine, 'stranger', 'shop');
  const target = { address: server.ipv4, port: 80 };
  t.true(await eventually(() => friend.traffic.tcp(target), Boolean));
  t.false(await stranger.traffic.tcp(target));
});

testDocker('labels count from the first packet of the process on', async (t, engine) => {
  const bed = testbed();
  const policy = ONLY_FRIENDS.replace("app == 'friend'", "app == 'quick'");
  await bed.apply(policy);
  t.teardown(() => bed.delete(policy));
  const server = await run(t, engine, 'server', 'shop', '--label', 'app=server');
  await eventually(endpoints, ([endpoint]) => endpoint?.spec.waitsForLabels === undefined);
  const ask = ['busybox', 'nc', '-w', '5', server.ipv4, '80', '-e', 'true'];
  await t.notThrowsAsync(engine.docker('run', '--rm', '--network', 'shop', '--label', 'app=quick', ...ask));
});

testDocker('a published port leads to the container, under policy, and to one container alone', async (t, engine) => {
  const bed = testbed();
  const outside = new Traffic('switch', bed.cluster.folder.namespacePath('switch'));
  t.teardown(() => outside.close());
  const web = await run(t, engine, 'web', 'shop', '--label', 'app=server', '-p', '8088:80');
  const published = { address: bed.hosts[0]!.addresses.ipv4, port: 8088 };
  t.true(await eventually(() => outside.tcp(published), Boolean));
  await t.throwsAsync(engine.run('other', 'shop', '-p', '8088:80'), { message: /8088 of host host-1 leads to container web already/ });
  await engine.remove('other');
  await bed.apply(ONLY_FRIENDS);
  t.false(
    await eventually(
      () => outside.tcp(published),
      (through) => !through,
    ),
  );
  await bed.delete(ONLY_FRIENDS);
  await web.traffic.close();
  await engine.remove('web');
  t.false(await outside.tcp(published));
});

testDocker('the apps of marathon/docker: tasks of Mesos go by the labels of their app, and those of its network', async (t, engine) => {
  const bed = testbed();
  const policies = readFileSync(join(EXAMPLE, 'policies/web.yaml'), 'utf8');
  await bed.apply(policies);
  t.teardown(() => bed.delete(policies));
  const outside = new Traffic('switch', bed.cluster.folder.namespacePath('switch'));
  t.teardown(() => outside.close());
  const [web, client] = [await launch(t, engine, 'web.json'), await launch(t, engine, 'client.json')];
  const all = () => endpoints().then((found) => found.filter(({ spec }) => spec.mesos?.task !== undefined));
  const found = await eventually(all, ({ length }) => length === 2);
  const endpoint = found.find(({ spec }) => spec.addresses.includes(web.ipv4));
  t.like(endpoint, {
    metadata: { namespace: 'store', labels: { app: 'web', tier: 'front', 'weir/app': '/store/web' } },
    spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], hostPorts: [{ hostPort: 8080, containerPort: 80, protocol: 'TCP' }] },
  });
  for (const target of [
    { address: web.ipv4, port: 80 },
    { address: bed.hosts[0]!.addresses.ipv4, port: 8080 },
  ])
    t.true(await eventually(() => client.traffic.tcp(target), Boolean));
  t.false(await outside.tcp({ address: web.ipv4, port: 80 }));
});

testDocker('an agent that is killed and started anew: containers run on, and Docker waits with what it wants', async (t, engine) => {
  const host = testbed().hosts[0]!;
  const [one, two] = [await run(t, engine, 'one', 'shop'), await run(t, engine, 'two', 'shop')];
  t.true(await eventually(() => one.traffic.tcp({ address: two.ipv4, port: 80 }), Boolean));
  await host.stopAgent('SIGKILL');
  t.true(await one.traffic.tcp({ address: two.ipv4, port: 80 }));
  await two.traffic.close();
  const removed = engine.remove('two');
  const three = run(t, engine, 'three', 'shop');
  await host.startAgent();
  await removed;
  t.true(await eventually(async () => one.traffic.tcp({ address: (await three).ipv4, port: 80 }), Boolean));
  t.is((await endpoints()).length, 2);
});

/** As seen from outside while CreateEndpoint is done. */
const PHASES: Record<string, () => Promise<boolean> | boolean> = {
  'its link is made': () => hostLinks().length > 0,
  'its endpoint is written': async () => (await endpoints()).length > 0,
  'all is there but the answer': async () => (await endpoints()).length > 0 && hostLinks().length > 1 && isUp(),
};

function isUp(): boolean {
  using netlink = Netlink.open({ namespace: testbed().hosts[0]!.namespace });
  return netlink.links().some(({ name, up }) => name.startsWith('weir') && up);
}

for (const [phase, isReached] of Object.entries(PHASES)) {
  testDocker(`the agent is killed in CreateEndpoint when ${phase}: the same call again makes the endpoint whole`, async (t, engine) => {
    const bed = testbed();
    t.true(await eventually(isNothingLeft, Boolean));
    const NetworkID = await engine.docker('network', 'inspect', '-f', '{{.Id}}', 'shop');
    const MacAddress = '02:42:00:00:00:09';
    const Options = { 'com.docker.network.endpoint.macaddress': MacAddress };
    const { Address } = await engine.askPlugin('weir-ipam.sock', 'IpamDriver.RequestAddress', { PoolID: 'IPv4', Options });
    const create = () =>
      engine.askPlugin('weir.sock', 'NetworkDriver.CreateEndpoint', { NetworkID, EndpointID: 'cut', Interface: { Address, MacAddress } });
    const stepper = new AgentStepper(bed);
    stepper.stop();
    const cut = create().catch(() => {});
    t.true(await stepper.until(async () => isReached()));
    await bed.hosts[0]!.stopAgent('SIGKILL');
    await cut;
    await bed.hosts[0]!.startAgent();
    await create();
    const [endpoint] = await endpoints();
    t.deepEqual(endpoint?.spec.addresses, [String(Address).split('/')[0]]);
    const { InterfaceName } = await engine.askPlugin('weir.sock', 'NetworkDriver.Join', { NetworkID, EndpointID: 'cut' });
    t.deepEqual(hostLinks().toSorted(), [endpoint!.spec.hostInterface, (InterfaceName as { SrcName: string }).SrcName].toSorted());
    await engine.askPlugin('weir.sock', 'NetworkDriver.DeleteEndpoint', { NetworkID, EndpointID: 'cut' });
    await engine.askPlugin('weir-ipam.sock', 'IpamDriver.ReleaseAddress', { PoolID: 'IPv4', Address: String(Address).split('/')[0] });
    t.true(await eventually(isNothingLeft, Boolean));
  });
}

// An engine that starts answers no questions, and starts containers meanwhile: what it said of their network is in the store.
testDocker(
  'an engine and an agent that are killed: what runs stays, and is started anew with its network when both are there',
  async (t, engine) => {
    const host = testbed().hosts[0]!;
    t.teardown(() => engine.remove('one'));
    const before = await engine.run('one', 'shop', '--restart', 'always', '--label', 'app=server');
    await engine.kill();
    await host.stopAgent('SIGKILL');
    await host.startAgent();
    t.is((await endpoints()).length, 1, 'that it does not answer says nothing of its containers');
    await engine.start();
    const isAnew = (all: Endpoint[]) => all.length === 1 && all[0]!.spec.mac !== before.mac && all[0]!.spec.docker?.name === 'one';
    const [endpoint] = await eventually(endpoints, isAnew, { limitMs: 20_000 });
    t.like(endpoint, {
      metadata: { labels: { app: 'server' } },
      spec: { network: 'shop', addresses: [(await engine.inspect('one')).ipv4] },
    });
  },
);

testDocker('a container whose labels Docker has not told is closed, unless its network says otherwise', async (t, engine) => {
  const bed = testbed();
  const host = bed.hosts[0]!;
  await makeNetwork(engine, 'eager', '-o', 'waitForLabels=false');
  const task = await bed.launch(host, { app: 'task' });
  for (const [index, [name, isOpen]] of Object.entries({ shop: false, eager: true }).entries()) {
    const NetworkID = await engine.docker('network', 'inspect', '-f', '{{.Id}}', name);
    const MacAddress = `02:42:00:00:01:0${index}`;
    const Options = { 'com.docker.network.endpoint.macaddress': MacAddress };
    const { Address } = await engine.askPlugin('weir-ipam.sock', 'IpamDriver.RequestAddress', { PoolID: 'IPv4', Options });
    const about = { NetworkID, EndpointID: name };
    await engine.askPlugin('weir.sock', 'NetworkDriver.CreateEndpoint', { ...about, Interface: { Address, MacAddress } });
    const { InterfaceName } = await engine.askPlugin('weir.sock', 'NetworkDriver.Join', about);
    // As Docker does it, which knows nothing of this one, and so says nothing of its labels.
    const namespace = bed.makeNamespace(name);
    ip(host.namespace, `link set ${(InterfaceName as { SrcName: string }).SrcName} netns ${namespace} name eth0`);
    for (const command of [
      `address add ${Address} dev eth0`,
      'link set eth0 up',
      'route add 169.254.1.1 dev eth0',
      'route add default via 169.254.1.1 dev eth0',
    ])
      ip(namespace, command);
    const traffic = new Traffic(name, namespace);
    t.teardown(() => traffic.close());
    t.is(await traffic.tcp({ address: task.ipv4, port: 80 }), isOpen, name);
    await engine.askPlugin('weir.sock', 'NetworkDriver.DeleteEndpoint', about);
    await engine.askPlugin('weir-ipam.sock', 'IpamDriver.ReleaseAddress', { PoolID: 'IPv4', Address: String(Address).split('/')[0] });
  }
  await bed.destroy(task);
});

function ip(namespace: string, command: string): void {
  execFileSync('nsenter', [`--net=${namespace}`, 'ip', ...command.split(' ')]);
}

testDocker('what Docker was given and knows nothing of is collected', async (t, engine) => {
  const ask = (socket: string, method: string, body: object) => engine.askPlugin(socket, method, body);
  const network = await engine.docker('network', 'inspect', '-f', '{{.Id}}', 'shop');
  const address = async (mac: string) =>
    (
      await ask('weir-ipam.sock', 'IpamDriver.RequestAddress', {
        PoolID: 'IPv4',
        Options: { 'com.docker.network.endpoint.macaddress': mac },
      })
    ).Address as string;
  const [MacAddress, other] = ['02:42:00:00:00:01', '02:42:00:00:00:02'] as const;
  const Interface = { Address: await address(MacAddress), MacAddress };
  await address(other);
  await ask('weir.sock', 'NetworkDriver.CreateEndpoint', { NetworkID: network, EndpointID: 'nobodys', Interface });
  t.deepEqual([(await endpoints()).length, await heldAddresses()], [1, 2]);
  t.true(await eventually(isNothingLeft, Boolean, { limitMs: 30_000 }));
});
