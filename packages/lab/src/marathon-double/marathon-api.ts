/**
 * Marathon's answers to requests (docs/rest-api/public/api/v2): /v2/info, /v2/leader, /v2/deployments, /v2/tasks; /v2/apps, /v2/pods and /v2/groups
 * with list, create, read, change and delete; status of pods. Paths of groups are those of their apps and pods.
 */
import { type MarathonPod, podSchema } from '@weir/mesos';
import { z } from 'zod';
import { AppFault, readApp } from './app-forms.ts';
import { groupInfo, readGroup } from './groups.ts';
import type { Scheduler } from './scheduler.ts';

export interface MarathonRequest {
  method: string;
  /** Decoded, without a slash at its end. */
  path: string;
  query: URLSearchParams;
  body: string;
}

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** An answer that ends the handling of a request; bodies are Marathon's `{message, details}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly details: unknown;

  constructor(status: number, message: string, details?: unknown) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** @param leader `host:port`. @throws Refusal */
export function answerTo(request: MarathonRequest, scheduler: Scheduler, leader: string): Answer {
  const { method, path } = request;
  for (const [prefix, answer] of [
    ['/v2/apps', appsAnswer],
    ['/v2/pods', podsAnswer],
    ['/v2/groups', groupsAnswer],
  ] as const) {
    if (path === prefix || path.startsWith(`${prefix}/`)) return answer(request, path.slice(prefix.length), scheduler);
  }
  if (method === 'GET') {
    if (path === '/v2/info')
      return { status: 200, body: { name: 'marathon', version: '1.8.0', frameworkId: 'weir-lab', elected: true, leader } };
    if (path === '/v2/leader') return { status: 200, body: { leader } };
    if (path === '/v2/deployments') return { status: 200, body: scheduler.deployments() };
    if (path === '/v2/tasks') return { status: 200, body: { tasks: scheduler.list().flatMap(({ tasks }) => tasks ?? []) } };
  }
  throw new Refusal(404, `no such resource: ${path}`);
}

function appsAnswer({ method, body }: MarathonRequest, id: string, scheduler: Scheduler): Answer {
  if (id === '') {
    if (method === 'GET') return { status: 200, body: { apps: scheduler.list() } };
    if (method !== 'POST') throw notAllowed(method);
    const app = valid(() => readApp(parseJson(body)));
    if (scheduler.get(app.id)) throw new Refusal(409, `An app with id [${app.id}] already exists.`);
    const { deploymentId } = scheduler.apply(runnable(app));
    return { status: 201, body: scheduler.get(app.id), headers: { 'Marathon-Deployment-Id': deploymentId } };
  }
  if (id.endsWith('/tasks') && method === 'GET') {
    const appId = id.slice(0, -'/tasks'.length);
    const tasks = scheduler.tasks(appId);
    if (!tasks) throw new Refusal(404, `App '${appId}' does not exist`);
    return { status: 200, body: { tasks } };
  }
  const known = scheduler.definition(id);
  if (method === 'PUT') {
    const app = valid(() => readApp({ ...known, ...(parseJson(body) as object), id }));
    return deployed(scheduler.apply(runnable(app)), known ? 200 : 201);
  }
  if (!known) throw new Refusal(404, `App '${id}' does not exist`);
  if (method === 'GET') return { status: 200, body: { app: scheduler.get(id) } };
  if (method === 'DELETE') return deployed(scheduler.remove(id));
  throw notAllowed(method);
}

function podsAnswer({ method, body }: MarathonRequest, rest: string, scheduler: Scheduler): Answer {
  const [id = '', part] = rest.split('::');
  if (id.replace(/\/$/, '') === '') {
    if (method === 'HEAD') return { status: 200 };
    if (method === 'GET' && part === 'status') return { status: 200, body: scheduler.pods().map((pod) => scheduler.podStatus(pod.id)) };
    if (method === 'GET') return { status: 200, body: scheduler.pods() };
    if (method !== 'POST') throw notAllowed(method);
    const pod = readPod(parseJson(body));
    if (scheduler.pod(pod.id)) throw new Refusal(409, `A pod with id [${pod.id}] already exists.`);
    const { deploymentId } = scheduler.apply(pod);
    return { status: 201, body: pod, headers: { 'Marathon-Deployment-Id': deploymentId } };
  }
  const known = scheduler.pod(id);
  if (!known) throw new Refusal(404, `Pod '${id}' does not exist`);
  if (method === 'GET') return { status: 200, body: part === 'status' ? scheduler.podStatus(id) : known };
  if (method === 'DELETE') return { status: 202, headers: { 'Marathon-Deployment-Id': scheduler.remove(id).deploymentId } };
  if (method !== 'PUT') throw notAllowed(method);
  const pod = readPod(parseJson(body));
  if (pod.id !== id) throw new Refusal(400, `'${id}' does not match definition's id ('${pod.id}')`);
  return { status: 200, body: pod, headers: { 'Marathon-Deployment-Id': scheduler.apply(pod).deploymentId } };
}

function groupsAnswer({ method, body }: MarathonRequest, id: string, scheduler: Scheduler): Answer {
  const version = new Date().toISOString();
  const info = (path: string) => groupInfo(path || '/', { apps: scheduler.list(), pods: scheduler.pods(), version });
  if (method === 'GET') {
    const found = info(id);
    if (!found) throw new Refusal(404, `Group '${id}' does not exist`);
    return { status: 200, body: found };
  }
  if (method === 'POST' || method === 'PUT') {
    const given = parseJson(body) as { id?: unknown };
    const group = valid(() => readGroup({ ...given, id: given.id ?? (id || '/') }, id === '' ? '/' : parentOf(id)));
    if (method === 'POST' && group.id !== '/' && info(group.id))
      throw new Refusal(409, `Group ${group.id} is already created. Use PUT to change this group.`);
    const apps = group.apps.map((app) => runnable(valid(() => readApp(app))));
    const wanted = new Set(apps.map((app) => app.id));
    const surplus = scheduler.list().filter((app) => app.id.startsWith(`${group.id === '/' ? '' : group.id}/`) && !wanted.has(app.id));
    const done = [...apps.map((app) => scheduler.apply(app)), ...surplus.map((app) => scheduler.remove(app.id))];
    scheduler.tell({ eventType: 'group_change_success', groupId: group.id, version });
    return deployed({ deploymentId: done[0]?.deploymentId ?? '', version }, method === 'POST' ? 201 : 200);
  }
  if (method !== 'DELETE') throw notAllowed(method);
  if (!info(id)) throw new Refusal(404, `Group '${id}' does not exist`);
  const below = [...scheduler.list(), ...scheduler.pods()].filter((one) => one.id.startsWith(`${id}/`));
  const done = below.map((one) => scheduler.remove(one.id));
  scheduler.tell({ eventType: 'group_change_success', groupId: id, version });
  return deployed({ deploymentId: done[0]?.deploymentId ?? '', version });
}

function parentOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/')) || '/';
}

function deployed(done: { deploymentId: string; version: string }, status = 200): Answer {
  return { status, body: done, headers: { 'Marathon-Deployment-Id': done.deploymentId } };
}

function notAllowed(method: string): Refusal {
  return new Refusal(405, `${method} is not allowed here`);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Refusal(400, 'Invalid JSON', [{ path: '', errors: [(error as Error).message] }]);
  }
}

/** @throws Refusal 422 with the fields that are wrong */
function valid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppFault) throw new Refusal(422, 'Object is not valid', [{ path: error.path, errors: [error.message] }]);
    if (!(error instanceof z.ZodError)) throw error;
    const details = error.issues.map(({ path, message }) => ({ path: `/${path.join('/')}`, errors: [message] }));
    throw new Refusal(422, 'Object is not valid', details);
  }
}

/** This double starts shell commands only. */
function runnable(app: ReturnType<typeof readApp>): ReturnType<typeof readApp> {
  if (app.cmd === undefined) throw new Refusal(422, 'Object is not valid', [{ path: '/', errors: ["AppDefinition must contain 'cmd'"] }]);
  return app;
}

function readPod(value: unknown): MarathonPod {
  return valid(() => {
    const pod = podSchema.parse(value);
    const hasContainerNetwork = pod.networks.some(({ mode }) => mode !== 'host');
    if (hasContainerNetwork && pod.containers.some(({ endpoints }) => endpoints.some(({ containerPort }) => containerPort === undefined)))
      throw new AppFault('/containers', 'containerPort must be defined for all endpoints of a pod on a container network');
    if (pod.networks.some(({ mode, name }) => mode === 'container' && name === undefined))
      throw new AppFault('/networks', 'a network of mode container must have a name');
    return pod;
  });
}
