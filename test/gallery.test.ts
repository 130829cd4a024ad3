/**
 * Every folder of marathon/ that has an expect.yaml, as its README says to use it: apps posted to Marathon, policies applied, expectations tried by
 * `weir policy test`, and each of them on real connections between the running containers.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inNamespace } from '@weir/kernel';
import { MarathonServer, MesosAgentDouble, nsenterArguments, type Probe, Scheduler, startProbe } from '@weir/lab';
import { type AppCheck, appOfTask, checkApp, definitionsOf, MarathonClient } from '@weir/mesos';
import { type Expectation, type PolicyTest, parsePolicyTests, protocolPortText, serviceAddresses } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Testbed } from './testbed/testbed.ts';

const run = promisify(execFile);
const GALLERY = new URL('../marathon/', import.meta.url).pathname;
const examples = ['.', ...readdirSync(GALLERY)].filter((folder) => existsSync(join(GALLERY, folder, 'expect.yaml')));
/** A machine outside: the second host's own address, which the resolver of the shop gives for pay.example.com. */
const OUTSIDE = { address: '192.0.2.12', port: 443 };

let agents: MesosAgentDouble[] = [];
let client: MarathonClient;
let scheduler: Scheduler;
const servers: (MarathonServer | Server)[] = [];
const hostProbes: Probe[] = [];
const probes = new Map<string, Probe>();

// Serial hooks come first: the testbed's own then finds no process of ours in its namespaces.
test.serial.after.always(async () => {
  for (const probe of [...probes.values(), ...hostProbes]) await probe.close();
  for (const server of servers) server.close();
  for (const agent of agents) agent.close();
});

const testbed = Testbed.share(test, {
  hosts: 2,
  manifests: readFileSync(join(GALLERY, 'pools.yaml'), 'utf8'),
  agent: { mesos: { interval: 1 }, marathon: { urls: ['http://192.0.2.11:8080'], interval: 5 } },
});
test.serial.before('Marathon, a Mesos agent on each host, and a server outside', async (t) => {
  const { hosts } = testbed();
  agents = hosts.map((host) => new MesosAgentDouble(host, (line) => t.log(line)));
  for (const agent of agents) await agent.listen();
  scheduler = new Scheduler(agents, (line) => t.log(line));
  const [forAgents, forUs] = [new MarathonServer(scheduler), new MarathonServer(scheduler)];
  const outside = createServer((_, response) => response.end('outside'));
  servers.push(forAgents, forUs, outside);
  await forAgents.listenIn(hosts[0]!.namespace, 8080);
  inNamespace(hosts[1]!.namespace, () => void outside.listen(OUTSIDE.port));
  client = new MarathonClient({ url: await forUs.listen() });
  hostProbes.push(...hosts.map((host) => host.startProbe()));
});

/** A running container of an app or a pod. */
interface Instance {
  app: string;
  /** Of a pod's executor its id. */
  taskId: string;
  /** Its host's position. */
  host: number;
  containerId: string;
  pid: number;
  addresses: string[];
  probe: Probe;
}

function instances(): Instance[] {
  return agents.flatMap((agent, host) =>
    agent.containers().map(({ container_id: containerId, executor_id, status: { executor_pid: pid, network_infos } }) => {
      const probe = probes.get(containerId) ?? startProbe({ containerId, pid });
      probes.set(containerId, probe);
      const addresses = network_infos.flatMap(({ ip_addresses }) => ip_addresses.map(({ ip_address }) => ip_address.split('/')[0]!));
      return { app: appOfExecutor(executor_id), taskId: executor_id, host, containerId, pid, addresses, probe };
    }),
  );
}

/** Of a pod's executor, `instance-<path>.<uuid>`, the same as of a task of an app. */
function appOfExecutor(id: string): string {
  return appOfTask(id.replace(/^instance-(.*)\.([0-9a-f-]{36})$/, '$1.instance-$2')) ?? id;
}

async function post(definition: { id: string; apps?: unknown; groups?: unknown; containers?: unknown }): Promise<void> {
  if (definition.apps !== undefined || definition.groups !== undefined) await client.createGroup(definition as never);
  else if (definition.containers !== undefined) await client.createPod(definition as never);
  else await client.createApp(definition as never);
}

async function remove({ id, apps, groups, containers }: Parameters<typeof post>[0]): Promise<void> {
  if (apps !== undefined || groups !== undefined) await client.deleteGroup(id);
  else if (containers !== undefined) await client.deletePod(id);
  else await client.deleteApp(id);
}

interface Example {
  folder: string;
  test: PolicyTest;
  files: Parameters<typeof post>[0][];
  /** By the name that expectations have for it. */
  apps: Map<string, AppCheck>;
}

function read(folder: string): Example {
  const path = join(GALLERY, folder);
  const json = (file: string) => JSON.parse(readFileSync(join(path, file), 'utf8')) as Example['files'][0];
  const [policyTest] = parsePolicyTests(readFileSync(join(path, 'expect.yaml'), 'utf8')).tests;
  const files = readdirSync(path)
    .filter((file) => file.endsWith('.json'))
    .map(json);
  const apps = policyTest!.endpoints.map(({ name, app = '', id }) => {
    const found = definitionsOf(json(app)).map((definition) => checkApp(definition));
    return [name, found.find((one) => id === undefined || one.id === id)!] as const;
  });
  return { folder, test: policyTest!, files, apps: new Map(apps) };
}

const hostOf = (address: string) => (isIPv6(address) ? `[${address}]` : address);

async function reaches(probe: Probe, address: string, port: number): Promise<boolean> {
  return (await probe.http(`http://${hostOf(address)}:${port}/`, { timeoutMs: 700 })).ok;
}

const ASK = `
const { Resolver } = require('node:dns').promises;
const resolver = new Resolver({ timeout: 400, tries: 1 });
resolver.setServers([process.argv[1]]);
resolver.resolve4('pay.example.com').then((found) => console.log(found.join()), () => console.log(''));
`;

/** Asks a resolver within the container. @returns the address of pay.example.com, empty without an answer */
async function ask({ pid }: Instance, resolver: string): Promise<string> {
  return (await run('nsenter', [...nsenterArguments(pid), process.execPath, '-e', ASK, resolver])).stdout.trim();
}

type Single = { from: string; to: string; port: Expectation['port'][0]; verdict: Expectation['verdict'] };

/** What really happens, for each pair of containers and each address: `Allow`, `Deny`, or both where they differ. */
async function verdictOf({ from, to, port }: Single, { apps }: Example): Promise<string> {
  const all = instances();
  const of = (name: string) => all.filter(({ app }) => app === apps.get(name)?.id);
  const number = typeof port.port === 'string' ? apps.get(to)!.ports.find(({ name }) => name === port.port)!.port : port.port!;
  const targets =
    of(to).length > 0
      ? of(to).flatMap(({ host, addresses }) => addresses.map((address) => ({ host, address })))
      : [{ host: -1, address: to }];
  const passed = await Promise.all(
    targets.flatMap(({ host, address }) => {
      if (from === 'outside') return [reaches(hostProbes.find((_, index) => index !== host)!, address, number)];
      return of(from).map((source) =>
        port.protocol === 'UDP' ? ask(source, address).then(Boolean) : reaches(source.probe, address, number),
      );
    }),
  );
  if (passed.length === 0) return `nobody is there: ${from} or ${to}`;
  return [...new Set(passed.map((one) => (one ? 'Allow' : 'Deny')))].join(' and ');
}

function singly({ expect }: PolicyTest): Single[] {
  return expect.flatMap(({ from, to, port, verdict }) =>
    from.flatMap((source) => to.flatMap((destination) => port.map((one) => ({ from: source, to: destination, port: one, verdict })))),
  );
}

/** What an example shows beyond its expectations. */
const MORE: Record<string, (t: ExecutionContext, example: Example) => Promise<void>> = {
  shop: async (t) => {
    const resolver = instances().find(({ app }) => app === '/shop/resolver')!.addresses[0]!;
    for (const api of instances().filter(({ app }) => app === '/shop/api')) {
      t.is(await ask(api, resolver), OUTSIDE.address);
      t.true(await reaches(api.probe, OUTSIDE.address, OUTSIDE.port), 'once it has asked for the name');
      t.false(await reaches(api.probe, OUTSIDE.address, 8080));
    }
    const web = instances().find(({ app }) => app === '/shop/web')!;
    t.false(await reaches(web.probe, OUTSIDE.address, OUTSIDE.port), 'and nobody else');
  },
  'blue-green': async (t, example) => {
    const label = async (app: string, live: string) => {
      const { containerId } = instances().find((one) => one.app === app)!;
      await testbed().mustWeir(['label', 'endpoint', `${containerId}-eth0`, '-n', 'store', `live=${live}`, '--overwrite']);
    };
    await label('/store/green', 'yes');
    await label('/store/blue', 'no');
    const port = { protocol: 'TCP' as const, port: 'http' };
    const is = (to: string, verdict: 'Allow' | 'Deny') =>
      eventually(
        () => verdictOf({ from: 'lb', to, port, verdict }, example),
        (found) => found === verdict,
      );
    t.is(await is('green', 'Allow'), 'Allow');
    t.is(await is('blue', 'Deny'), 'Deny');
  },
  vip: async (t) => {
    const of = (app: string) => instances().filter((one) => one.app === app);
    const [client] = of('/front/client');
    const service = await testbed().objects.get('Service', 'web', 'front');
    const addresses = serviceAddresses(service!.object);
    t.is(addresses.length, 2, 'one of each family');
    const answers = (probe: Probe) =>
      Promise.all(
        addresses.flatMap((address) => Array.from({ length: 20 }, () => probe.http(`http://${hostOf(address)}/`, { timeoutMs: 700 }))),
      );
    const served = async () => [...new Set((await answers(client!.probe)).map(({ body }) => body))].sort();
    const tell = (instance: Instance, alive: boolean) => scheduler.setHealth(instance.taskId, alive);
    t.deepEqual(await served(), [undefined], 'none is ready before its first health check');
    for (const backend of of('/front/web')) tell(backend, true);
    const both = of('/front/web')
      .map(({ containerId }) => containerId)
      .sort();
    t.deepEqual(await eventually(served, (found) => found.join() === both.join()), both, 'both serve, over IPv4 and IPv6');
    t.false(
      (await answers(of('/front/stranger')[0]!.probe)).some(({ ok }) => ok),
      'policy holds behind the virtual address',
    );
    const [sick, well] = of('/front/web');
    tell(sick!, false);
    t.deepEqual(await eventually(served, (found) => found.join() === well!.containerId), [well!.containerId]);
  },
  'sticky-database': async (t) => {
    const database = () => instances().find(({ app }) => app === '/crm/db');
    const { containerId, addresses } = database()!;
    await client.updateApp('/crm/db', { env: { RESTARTED: 'yes' } });
    const next = await eventually(database, (found) => found !== undefined && found.containerId !== containerId);
    t.not(next?.containerId, containerId);
    t.deepEqual(next?.addresses, addresses, 'the new container has the addresses of the old one');
  },
};

for (const folder of examples)
  test.serial(`marathon/${folder === '.' ? '' : `${folder}/`}`, async (t) => {
    t.timeout(120_000);
    const example = read(folder);
    const policies = example.test.files.flatMap((path) => ['-f', join(GALLERY, folder, path)]);
    const wanted = [...example.apps.values()];
    t.deepEqual(
      wanted.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
      [],
      'as weir marathon check says it',
    );
    t.regex(await testbed().mustWeir(['policy', 'test', join(GALLERY, folder, 'expect.yaml')]), /, 0 failed/);
    let isClean = false;
    const clean = async () => {
      if (!isClean) for (const file of example.files) await remove(file);
      if (!isClean && policies.length > 0) await testbed().mustWeir(['delete', ...policies]);
      isClean = true;
    };
    t.teardown(clean);
    if (policies.length > 0) await testbed().mustWeir(['apply', ...policies]);
    for (const file of example.files) await post(file);
    const running = await eventually(
      async () => {
        const { apps, pods } = await client.listDefinitions();
        const deploying = apps.filter((app) => (app as { deployments: [] }).deployments.length > 0).length;
        return { apps: apps.length + pods.length, deploying, containers: instances().length };
      },
      ({ apps, deploying, containers }) => deploying === 0 && containers >= apps,
      { limitMs: 30_000 },
    );
    t.like(running, { deploying: 0 });
    for (const single of singly(example.test)) {
      const found = await eventually(
        () => verdictOf(single, example),
        (verdict) => verdict === single.verdict,
      );
      t.is(found, single.verdict, `${single.from} to ${single.to}, ${protocolPortText(single.port)}`);
    }
    await MORE[folder]?.(t, example);
    await clean();
    const left = await eventually(
      async () => [
        ...instances().map(({ app }) => app),
        ...(await testbed().objects.list('Policy')).objects.map(({ object }) => object.metadata.name),
        ...(await testbed().objects.list('Claim')).objects.map(({ object }) => object.metadata.name),
        ...(await testbed().objects.list('Endpoint')).objects.map(({ object }) => object.metadata.name),
      ],
      (names) => names.length === 0,
      { limitMs: 20_000 },
    );
    t.deepEqual(left, [], 'what its labels asked for is gone with it');
  });
