/** The demo's six steps. Each does what a user would do, measures what came of it and compares that with what policy says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { MarathonAppDefinition, MarathonClient } from '@weir/mesos';
import { endpointName, keyPrefix } from '@weir/resources';
import Table from 'cli-table3';
import type { Cluster } from '../cluster.ts';
import { LabError } from '../lab-error.ts';
import { MESOS_AGENT_PORT } from '../marathon-double/mesos-agent-double.ts';
import { measureMatrix, unexpectedCells, urlOf } from '../matrix/matrix.ts';
import { formatMatrix, summarizeMatrix } from '../matrix/matrix-table.ts';
import type { Probe } from '../probe/probe.ts';
import { REPOSITORY } from '../repository.ts';
import type { Instance, Instances } from './instance.ts';
import type { Narrator } from './narrator.ts';
import type { Operator } from './operator.ts';
import type { StoreClock } from './store-clock.ts';

export interface Stage {
  cluster: Cluster;
  narrator: Narrator;
  marathon: MarathonClient;
  marathonUrl: string;
  instances: Instances;
  operator: Operator;
  clock: StoreClock;
  /** By the host's name. */
  hostProbes: Map<string, Probe>;
}

export const POLICY_FILE = 'marathon/policies/access-nginx.yaml';
export const NAMESPACE = 'policy-demo';
const APPS = ['nginx', 'access', 'other'].map((name) => `/${NAMESPACE}/${name}`);
const [NGINX = '', ACCESS = '', OTHER = ''] = APPS;
const ENDPOINTS = keyPrefix('Endpoint', NAMESPACE);
const POLICIES = keyPrefix('Policy', NAMESPACE);
const HTTP_PORT = 80;
const RUNNING_LIMIT_MS = 30_000;
const RUNNING_POLL_MS = 20;

type Allowed = (source: Instance, target: Instance) => boolean;

const everything: Allowed = () => true;
/** What marathon/policies/access-nginx.yaml says. */
const onlyAccess: Allowed = (source, target) => target.app !== NGINX || source.app === ACCESS;

export async function play(stage: Stage): Promise<void> {
  await launchApps(stage);
  await showOpenByDefault(stage);
  await applyPolicy(stage);
  await showPolicyInForce(stage);
}

async function launchApps({ narrator, operator, marathon, marathonUrl, instances }: Stage): Promise<void> {
  narrator.step('Three Marathon apps, two instances each, spread over the hosts');
  await operator.weir('apply', '-f', 'marathon/pools.yaml');
  for (const app of APPS) {
    const file = `marathon/${app.split('/').at(-1)}.json`;
    await marathon.createApp(JSON.parse(readFileSync(join(REPOSITORY, file), 'utf8')) as MarathonAppDefinition);
    narrator.command(`curl -X POST -H 'Content-Type: application/json' -d @${file} ${marathonUrl}/v2/apps`);
  }
  for (const app of APPS) await untilRunning(marathon, app, 2);
  const found = await instances.list(APPS);
  const table = new Table({ head: ['instance', 'host', 'addresses', 'container'], style: { head: [], border: [], compact: true } });
  for (const { label, host, ipv4, ipv6, containerId } of found)
    table.push([label, host, addressesOf({ ipv4, ipv6 }).join(', '), containerId]);
  narrator.say(`\n${table.toString()}`);
}

async function showOpenByDefault(stage: Stage): Promise<void> {
  stage.narrator.step('Open by default: everything reaches everything');
  await expectMatrix(stage, everything, 'everything reaches everything');
}

async function applyPolicy(stage: Stage): Promise<void> {
  const { narrator, operator, clock } = stage;
  narrator.step('A Kubernetes NetworkPolicy, as it is: only `access` may reach `nginx`');
  narrator.say(`${readFileSync(join(REPOSITORY, POLICY_FILE), 'utf8').trimEnd()}\n`);
  const { nginx, other } = await cast(stage);
  await other[0]!.probe.hold('before policy', urlOf(nginx[0]!.ipv4));
  await clock.arm(POLICIES);
  const refused = nginx.map((target, index) => other[index % other.length]!.probe.watch(httpOf(target), 'closed'));
  await operator.weir('apply', '-f', POLICY_FILE);
  const write = await clock.written(POLICIES);
  tellTimes(narrator, 'first refused connection', write.notBefore, await Promise.all(refused), nginx);
  await expectCut(stage, other[0]!, 'before policy', write.notBefore);
}

async function showPolicyInForce(stage: Stage): Promise<void> {
  const { narrator } = stage;
  narrator.step('What policy makes of it');
  await expectMatrix(stage, onlyAccess, 'only access reaches nginx, all else is as before');
  await checkMesosTraffic(stage);
  await admitNewInstance(stage);
  await cutOffUnlabelled(stage);
  await openAgain(stage);
}

/** The executor must reach its agent and the agent's health checks their container, whatever policy says. */
async function checkMesosTraffic(stage: Stage): Promise<void> {
  const found = await stage.instances.list(APPS);
  const hosts = new Map(stage.cluster.hosts.map((host) => [host.name, host]));
  const reached = await Promise.all(
    found.map(async ({ probe, host, ipv4 }) => {
      const agent = await probe.http(`http://${hosts.get(host)!.addresses.ipv4}:${MESOS_AGENT_PORT}/health`);
      const healthCheck = await stage.hostProbes.get(host)!.http(urlOf(ipv4));
      return agent.ok && healthCheck.ok;
    }),
  );
  const text = `Mesos' own traffic goes on: every container reaches its agent's port ${MESOS_AGENT_PORT}, every agent's health check its containers`;
  stage.narrator.expect(reached.every(Boolean), text);
}

async function admitNewInstance(stage: Stage): Promise<void> {
  const { narrator, marathon, marathonUrl, clock } = stage;
  narrator.say('\nA third `access` instance starts now, while the policy is in force:');
  const before = new Set((await stage.instances.list(APPS)).map(({ label }) => label));
  await clock.arm(ENDPOINTS);
  await marathon.scaleApp(ACCESS, 3);
  narrator.command(`curl -X PUT -H 'Content-Type: application/json' -d '{"instances": 3}' ${marathonUrl}/v2/apps${ACCESS}`);
  await untilRunning(marathon, ACCESS, 3);
  const write = await clock.written(ENDPOINTS);
  const found = await stage.instances.list(APPS);
  const newcomer = found.find(({ label }) => !before.has(label))!;
  const replies = await Promise.all(found.filter(({ app }) => app === NGINX).map(({ ipv4 }) => newcomer.probe.http(urlOf(ipv4))));
  const first = replies.reduce((earliest, reply) => (reply.start < earliest.start ? reply : earliest));
  narrator.expect(
    replies.every(({ ok }) => ok),
    `${newcomer.label} on ${newcomer.host} was let in: its very first requests, sent ${after(write.notBefore, first.start)}, were answered in ${milliseconds(first.took)}`,
  );
}

async function cutOffUnlabelled(stage: Stage): Promise<void> {
  const { narrator, operator, clock } = stage;
  narrator.say('\n`access-1` loses its label, with a connection open:');
  const { nginx, access } = await cast(stage);
  const loser = access[0]!;
  await loser.probe.hold('labelled', urlOf(nginx[0]!.ipv4));
  await clock.arm(ENDPOINTS);
  const refused = nginx.map((target) => loser.probe.watch(httpOf(target), 'closed'));
  await operator.weir('label', 'endpoint', endpointName(loser.containerId, 'eth0'), '-n', NAMESPACE, 'run-');
  const write = await clock.written(ENDPOINTS);
  tellTimes(narrator, `${loser.label}: first refused connection`, write.notBefore, await Promise.all(refused), nginx);
  await expectCut(stage, loser, 'labelled', write.notBefore);
  const unlabelled: Allowed = (source, target) => onlyAccess(source, target) && !(source === loser && target.app === NGINX);
  await expectMatrix(stage, unlabelled, `${loser.label} is cut off from nginx, the other access instances are not`);
}

async function openAgain(stage: Stage): Promise<void> {
  const { narrator, operator, clock } = stage;
  narrator.say('\nThe policy is taken away:');
  const { nginx, other } = await cast(stage);
  await clock.arm(POLICIES);
  const opened = nginx.map((target, index) => other[index % other.length]!.probe.watch(httpOf(target), 'open', { limitMs: 20_000 }));
  await operator.weir('delete', '-f', POLICY_FILE);
  const write = await clock.written(POLICIES);
  tellTimes(narrator, 'first connection let through', write.notBefore, await Promise.all(opened), nginx);
  await expectMatrix(stage, everything, 'everything reaches everything again');
}

async function expectCut({ narrator }: Stage, { label, probe }: Instance, connection: string, write: number): Promise<void> {
  const cut = await probe.untilCut(connection);
  const text = cut ? `was cut ${after(write, cut.at)}, having answered ${cut.answered} requests` : 'is still served';
  narrator.expect(cut !== undefined, `${label}'s open connection to nginx-1 ${text}`);
}

async function expectMatrix({ narrator, instances }: Stage, allowed: Allowed, text: string): Promise<void> {
  const found = await instances.list(APPS);
  const byLabel = new Map(found.map((instance) => [instance.label, instance]));
  const cells = await measureMatrix(
    found,
    found.map((instance) => ({ label: instance.label, addresses: addressesOf(instance), body: instance.containerId })),
  );
  narrator.say(`\n${formatMatrix(cells)}\n${summarizeMatrix(cells)}`);
  const wrong = unexpectedCells(cells, (source, target) => allowed(byLabel.get(source)!, byLabel.get(target)!));
  const details = wrong.map(({ source, target }) => `${source} → ${target}`).join(', ');
  narrator.expect(wrong.length === 0, wrong.length === 0 ? text : `${text}; but not so: ${details}`);
}

async function cast({ instances }: Stage): Promise<{ nginx: Instance[]; access: Instance[]; other: Instance[] }> {
  const found = await instances.list(APPS);
  const of = (app: string) => found.filter((instance) => instance.app === app);
  return { nginx: of(NGINX), access: of(ACCESS), other: of(OTHER) };
}

/** @throws {LabError} ETASK with what a task failed of, or when it takes too long */
async function untilRunning(marathon: MarathonClient, app: string, instances: number): Promise<void> {
  const limit = performance.now() + RUNNING_LIMIT_MS;
  for (;;) {
    const { tasksRunning, deployments, lastTaskFailure } = await marathon.getApp(app);
    if (lastTaskFailure) throw new LabError('ETASK', `${app}: ${lastTaskFailure.message}`);
    if (tasksRunning === instances && deployments.length === 0) return;
    if (performance.now() > limit)
      throw new LabError('ETASK', `${app}: ${tasksRunning} of ${instances} instances run after ${RUNNING_LIMIT_MS} ms`);
    await delay(RUNNING_POLL_MS);
  }
}

function tellTimes(narrator: Narrator, what: string, write: number, events: { at: number }[], targets: Instance[]): void {
  const times = events.map(({ at }, index) => `${targets[index]!.label} on ${targets[index]!.host} ${after(write, at)}`);
  narrator.expect(true, `${what}: ${times.join(', ')}`);
}

function after(write: number, at: number): string {
  return `${milliseconds(Math.max(0, at - write))} after the write`;
}

function milliseconds(time: number): string {
  return `${time.toFixed(1)} ms`;
}

function addressesOf({ ipv4, ipv6 }: { ipv4: string; ipv6: string | undefined }): string[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

function httpOf({ ipv4 }: Instance): { address: string; port: number } {
  return { address: ipv4, port: HTTP_PORT };
}
