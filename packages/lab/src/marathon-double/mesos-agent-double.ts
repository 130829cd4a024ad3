import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { inNamespace } from '@weir/kernel';
import type { Container, Containerizer, ContainerRequest } from '../container/containerizer.ts';
import type { LabHost } from '../lab-host.ts';
import type { TaskAgent } from './instance.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { TaskInfo } from './task-info.ts';

/** Where a Mesos agent listens; executors in containers must reach it. */
export const MESOS_AGENT_PORT = 5051;

/** A running container in the answer of a Mesos agent's /containers, as far as it is used. */
export interface ContainerReport {
  container_id: string;
  /** The task's id, for a task without an executor of its own. */
  executor_id: string;
  status: { executor_pid: number; network_infos: Container['networks'] };
}

/** An executor's container that is on its way or runs. */
interface Run {
  containerId: string;
  executor: { id: string; type: 'CUSTOM' | 'DEFAULT'; labels: { key: string; value: string }[] };
  tasks: RunningTask[];
  /** Absent until it runs: its tasks are queued. */
  container?: Container;
}

interface RunningTask {
  task: TaskInfo;
  /** Of the nested container, in a pod: `{parent: …, value}`. */
  nested?: string;
  healthy?: boolean;
}

interface Answer {
  status: number;
  body?: unknown;
}

const FRAMEWORK = { id: 'weir-lab-0000', name: 'marathon' };
/** What a default executor does, as far as a network sees it: it waits until it is ended. */
const DEFAULT_EXECUTOR = 'exec sleep 2147483647';

/**
 * Stands in for the Mesos agent of a host: launches containers through the isolator, and answers /health, /containers, /state and the calls
 * GET_STATE and GET_CONTAINERS of /api/v1 on port 5051, as slave/http.cpp does. Tasks have command executors, task groups (pods) a default
 * executor, in whose container and network theirs are.
 */
export class MesosAgentDouble implements TaskAgent {
  readonly name: string;
  readonly #containerizer: Containerizer;
  readonly #runs = new Map<string, Run>();
  /** A Mesos agent that was just started: its API answers 503. */
  isRecovering = false;
  readonly #server: Server;
  readonly #namespace: string;

  constructor(host: LabHost, log?: (line: string) => void) {
    this.name = host.name;
    this.#namespace = host.namespace;
    this.#containerizer = host.containerizer(log);
    this.#server = createServer(async (request, response) => {
      const { status, body } = await this.#answer(request);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body));
    });
  }

  async listen(): Promise<void> {
    // Without an address to look up, the socket is made before listen() returns, and so in the host's namespace.
    inNamespace(this.#namespace, () => void this.#server.listen(MESOS_AGENT_PORT));
    if (!this.#server.listening) await once(this.#server, 'listening');
  }

  /** @throws {LabError} when the container cannot be launched; nothing of it is left then, unless its DEL failed, too */
  async launch(task: TaskInfo, request: Omit<ContainerRequest, 'containerId'>): Promise<Container> {
    return this.#run({ containerId: randomUUID(), executor: { id: task.id, type: 'CUSTOM', labels: [] }, tasks: [{ task }] }, request);
  }

  async launchGroup({
    executor,
    networkInfos,
    tasks,
  }: LaunchPlan & { executor: { id: string; labels: Run['executor']['labels'] } }): Promise<Container> {
    const containerId = randomUUID();
    const nested = tasks.map((task) => ({ task, nested: randomUUID() }));
    const run: Run = { containerId, executor: { ...executor, type: 'DEFAULT' }, tasks: nested };
    const parent = await this.#run(run, { networkInfos, command: DEFAULT_EXECUTOR });
    try {
      const containers = await Promise.all(
        nested.map(({ task: { command, env }, nested: id }) =>
          this.#containerizer.launch({ containerId: `${containerId}.${id}`, networkInfos: [], command, env }),
        ),
      );
      return { ...parent, exit: Promise.race([parent, ...containers].map(({ exit }) => exit)) };
    } catch (error) {
      await this.destroy(containerId);
      throw error;
    }
  }

  async #run(run: Run, request: Omit<ContainerRequest, 'containerId'>): Promise<Container> {
    this.#runs.set(run.containerId, run);
    try {
      run.container = await this.#containerizer.launch({ ...request, containerId: run.containerId });
      return run.container;
    } catch (error) {
      this.#runs.delete(run.containerId);
      throw error;
    }
  }

  /** Nested containers first. @throws {LabError} ESTUCK when a DEL failed */
  async destroy(containerId: string): Promise<void> {
    for (const { nested } of this.#runs.get(containerId)?.tasks ?? [])
      if (nested !== undefined) await this.#containerizer.destroy(`${containerId}.${nested}`);
    await this.#containerizer.destroy(containerId);
    this.#runs.delete(containerId);
  }

  /** Tells of a task whose container somebody else runs, as Docker does for Mesos. @returns the container's id */
  announce(task: TaskInfo): string {
    const containerId = randomUUID();
    this.#runs.set(containerId, { containerId, executor: { id: task.id, type: 'CUSTOM', labels: [] }, tasks: [{ task }] });
    return containerId;
  }

  /** Makes it deny the container, which lives on: a Mesos agent whose work folder was removed. */
  forget(containerId: string): void {
    this.#runs.delete(containerId);
  }

  /** What the health checks of a container's tasks found. */
  setHealth(containerId: string, healthy: boolean): void {
    for (const task of this.#runs.get(containerId)!.tasks) task.healthy = healthy;
  }

  containers(): ContainerReport[] {
    return [...this.#runs.values()].flatMap(({ containerId, executor, container }) =>
      container === undefined
        ? []
        : [
            {
              container_id: containerId,
              executor_id: executor.id,
              status: { executor_pid: container.pid, network_infos: container.networks },
            },
          ],
    );
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    switch (request.url) {
      case '/health':
        return { status: 200 };
      case '/containers':
        return { status: 200, body: this.containers() };
      case '/state':
        return { status: 200, body: this.#state() };
      case '/api/v1':
        return this.isRecovering
          ? { status: 503, body: 'Agent has not finished recovery' }
          : this.#call((await json(request)) as { type?: string });
      default:
        return { status: 404 };
    }
  }

  #state(): object {
    const executors = [...this.#runs.values()].map((run) => ({
      id: run.executor.id,
      name: run.executor.type === 'CUSTOM' ? `Command Executor (Task: ${run.executor.id})` : '',
      source: run.executor.id,
      container: run.containerId,
      directory: run.container?.sandbox ?? '',
      role: '*',
      type: run.executor.type,
      ...(run.executor.labels.length > 0 && { labels: run.executor.labels }),
      tasks: run.container === undefined ? [] : run.tasks.map((one) => this.#taskInState(run, one)),
      // As Mesos has it: without the labels.
      queued_tasks: run.container === undefined ? run.tasks.map(({ task: { id } }) => ({ id, name: id, slave_id: this.name })) : [],
      completed_tasks: [],
    }));
    return {
      id: this.name,
      frameworks: executors.length === 0 ? [] : [{ ...FRAMEWORK, user: 'root', executors, completed_executors: [] }],
    };
  }

  #taskInState(run: Run, running: RunningTask): object {
    const { task } = running;
    return {
      id: task.id,
      name: task.id,
      framework_id: FRAMEWORK.id,
      executor_id: run.executor.type === 'CUSTOM' ? '' : run.executor.id,
      slave_id: this.name,
      state: 'TASK_RUNNING',
      statuses: [this.#status(run, running)],
      labels: task.labels,
      discovery: discoveryOf(task),
    };
  }

  #call({ type }: { type?: string }): Answer {
    const runs = [...this.#runs.values()];
    if (type === 'GET_STATE') {
      const tasks = { queued_tasks: runs.filter(({ container }) => !container), launched_tasks: runs.filter(({ container }) => container) };
      const get_state = {
        get_tasks: Object.fromEntries(
          Object.entries(tasks).map(([name, list]) => [name, list.flatMap((run) => run.tasks.map((one) => this.#task(run, one)))]),
        ),
        get_executors: { executors: runs.map((run) => ({ executor_info: executorInfo(run) })) },
        get_frameworks: { frameworks: [{ framework_info: { id: { value: FRAMEWORK.id }, name: FRAMEWORK.name, user: 'root' } }] },
      };
      return { status: 200, body: { type, get_state } };
    }
    if (type !== 'GET_CONTAINERS') return { status: 400, body: `Failed to validate agent::Call: Expecting 'type' to be present` };
    const containers = runs.map(({ containerId, executor }) => ({
      framework_id: { value: FRAMEWORK.id },
      executor_id: { value: executor.id },
      container_id: { value: containerId },
    }));
    return { status: 200, body: { type, get_containers: { containers } } };
  }

  #task(run: Run, running: RunningTask): object {
    const { task } = running;
    return {
      name: task.id,
      task_id: { value: task.id },
      framework_id: { value: FRAMEWORK.id },
      ...(run.executor.type === 'DEFAULT' && { executor_id: { value: run.executor.id } }),
      agent_id: { value: this.name },
      state: run.container === undefined ? 'TASK_STAGING' : 'TASK_RUNNING',
      resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 }, allocation_info: { role: '*' } }],
      statuses: run.container === undefined ? [] : [this.#status(run, running)],
      ...(task.labels.length > 0 && { labels: { labels: task.labels } }),
      discovery: discoveryOf(task),
      ...(task.container && { container: task.container }),
    };
  }

  #status({ containerId, container }: Run, { task, nested, healthy }: RunningTask): object {
    return {
      task_id: { value: task.id },
      state: 'TASK_RUNNING',
      timestamp: Date.now() / 1000,
      container_status: {
        container_id: nested === undefined ? { value: containerId } : { value: nested, parent: { value: containerId } },
        network_infos: container?.networks,
      },
      ...(healthy !== undefined && { healthy }),
    };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function discoveryOf({ id, ports }: TaskInfo): object {
  return { visibility: 'FRAMEWORK', name: id, ports: { ports } };
}

function executorInfo({ executor: { id, type, labels } }: Run): object {
  return {
    type,
    executor_id: { value: id },
    framework_id: { value: FRAMEWORK.id },
    ...(labels.length > 0 && { labels: { labels } }),
    ...(type === 'CUSTOM' && { name: `Command Executor (Task: ${id})`, source: id }),
  };
}
