import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { inNamespace } from '@weir/kernel';
import type { Container, Containerizer, ContainerRequest } from '../container/containerizer.ts';
import type { LabHost } from '../lab-host.ts';
import type { TaskAgent, TaskInfo } from './scheduler.ts';

/** Where a Mesos agent listens; executors in containers must reach it. */
export const MESOS_AGENT_PORT = 5051;

/** A running container in the answer of a Mesos agent's /containers, as far as it is used. */
export interface ContainerReport {
  container_id: string;
  /** The task's id, for a task without an executor of its own. */
  executor_id: string;
  status: { executor_pid: number; network_infos: Container['networks'] };
}

/** What is on its way or runs. */
interface Run {
  containerId: string;
  task: TaskInfo;
  /** Absent until it runs: its task is queued. */
  container?: Container;
  healthy?: boolean;
}

interface Answer {
  status: number;
  body?: unknown;
}

const FRAMEWORK = { id: 'weir-lab-0000', name: 'marathon' };

/**
 * Stands in for the Mesos agent of a host: launches containers through the isolator, and answers /health, /containers, /state and the calls
 * GET_STATE and GET_CONTAINERS of /api/v1 on port 5051, as slave/http.cpp does. Tasks have command executors.
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
    const run: Run = { containerId: randomUUID(), task };
    this.#runs.set(run.containerId, run);
    try {
      run.container = await this.#containerizer.launch({ ...request, containerId: run.containerId });
      return run.container;
    } catch (error) {
      this.#runs.delete(run.containerId);
      throw error;
    }
  }

  /** @throws {LabError} ESTUCK when a DEL failed */
  async destroy(containerId: string): Promise<void> {
    await this.#containerizer.destroy(containerId);
    this.#runs.delete(containerId);
  }

  /** Makes it deny the container, which lives on: a Mesos agent whose work folder was removed. */
  forget(containerId: string): void {
    this.#runs.delete(containerId);
  }

  /** What a health check found. */
  setHealth(containerId: string, healthy: boolean): void {
    this.#runs.get(containerId)!.healthy = healthy;
  }

  containers(): ContainerReport[] {
    return [...this.#runs.values()].flatMap(({ containerId, task, container }) =>
      container === undefined
        ? []
        : [{ container_id: containerId, executor_id: task.id, status: { executor_pid: container.pid, network_infos: container.networks } }],
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
    const executors = [...this.#runs.values()].map(({ containerId, task, container }) => ({
      id: task.id,
      name: `Command Executor (Task: ${task.id})`,
      source: task.id,
      container: containerId,
      directory: container?.sandbox ?? '',
      role: '*',
      tasks: [],
      // As Mesos has it: without the labels.
      queued_tasks: container === undefined ? [{ id: task.id, name: task.id, slave_id: this.name }] : [],
      completed_tasks: [],
    }));
    return {
      id: this.name,
      frameworks: executors.length === 0 ? [] : [{ ...FRAMEWORK, user: 'root', executors, completed_executors: [] }],
    };
  }

  #call({ type }: { type?: string }): Answer {
    const runs = [...this.#runs.values()];
    if (type === 'GET_STATE') {
      const tasks = { queued_tasks: runs.filter(({ container }) => !container), launched_tasks: runs.filter(({ container }) => container) };
      const get_state = {
        get_tasks: Object.fromEntries(Object.entries(tasks).map(([name, list]) => [name, list.map((run) => this.#task(run))])),
        get_executors: { executors: runs.map(({ task }) => ({ executor_info: executorInfo(task) })) },
        get_frameworks: { frameworks: [{ framework_info: { id: { value: FRAMEWORK.id }, name: FRAMEWORK.name, user: 'root' } }] },
      };
      return { status: 200, body: { type, get_state } };
    }
    if (type !== 'GET_CONTAINERS') return { status: 400, body: `Failed to validate agent::Call: Expecting 'type' to be present` };
    const containers = runs.map(({ containerId, task }) => ({
      framework_id: { value: FRAMEWORK.id },
      executor_id: { value: task.id },
      container_id: { value: containerId },
    }));
    return { status: 200, body: { type, get_containers: { containers } } };
  }

  #task({ task, containerId, container, healthy }: Run): object {
    const status = {
      task_id: { value: task.id },
      state: 'TASK_RUNNING',
      timestamp: Date.now() / 1000,
      container_status: { container_id: { value: containerId }, network_infos: container?.networks },
      ...(healthy !== undefined && { healthy }),
    };
    return {
      name: task.id,
      task_id: { value: task.id },
      framework_id: { value: FRAMEWORK.id },
      agent_id: { value: this.name },
      state: container === undefined ? 'TASK_STAGING' : 'TASK_RUNNING',
      statuses: container === undefined ? [] : [status],
      ...(task.labels.length > 0 && { labels: { labels: task.labels } }),
      discovery: { visibility: 'FRAMEWORK', name: task.id, ports: { ports: task.ports } },
    };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Of a task without an executor of its own: the command executor, under the task's id. */
function executorInfo({ id }: TaskInfo): object {
  return {
    type: 'CUSTOM',
    executor_id: { value: id },
    framework_id: { value: FRAMEWORK.id },
    name: `Command Executor (Task: ${id})`,
    source: id,
  };
}
