/** A Docker engine itself with Weir's drivers: what the Docker containerizer of Mesos runs its tasks with. Who reaches whom is measured by packets. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Netlink } from '@weir/kernel';
import type { Endpoint } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { Testbed } from '../testbed/testbed.ts';
import { Traffic } from '../testbed/traffic.ts';
import { Docker, type DockerContainer } from './docker.ts';
import { dockerPrograms } from './docker-programs.ts';

// Paths of sockets have to be short.
const FOLDER = mkdtempSync('/tmp/weir-docker-');
const PLUGINS = join(FOLDER, 'plugins');
const programs = await dockerPrograms();

const testbed = Testbed.share(test, {
  hosts: 1,
  agent: { docker: { socket: join(FOLDER, 'docker.sock'), plugins: PLUGINS, interval: 1, orphanGrace: 5 } },
});
let docker: Docker | undefined;

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
});

test.after.always(async () => {
  await docker?.close();
  await rm(FOLDER, { recursive: true, force: true });
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

testDocker('an engine that is killed and started anew takes with it what it ended, and nothing else', async (t, engine) => {
  await run(t, engine, 'one', 'shop');
  await engine.docker('create', '--name', 'two', '--network', 'shop', 'busybox', 'sleep', '100000');
  t.teardown(() => engine.remove('two'));
  await engine.kill();
  t.is((await endpoints()).length, 1, 'that it does not answer says nothing of its containers');
  await engine.start();
  await engine.docker('start', 'two');
  const left = await eventually(endpoints, (all) => all.length === 1 && all[0]!.spec.docker?.name === 'two');
  t.is(left.length, 1);
});

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
  t.true(await eventually(isNothingLeft, Boolean, { limitMs: 20_000 }));
});
