import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { inNamespace } from '@weir/kernel';
import type { Container, Containerizer, ContainerRequest } from '../container/containerizer.ts';
import type { LabHost } from '../lab-host.ts';
import type { TaskAgent } from './scheduler.ts';

/** Where a Mesos agent listens; executors in containers must reach it. */
export const MESOS_AGENT_PORT = 5051;

/** A running container in the answer of a Mesos agent's /containers, as far as it is used. */
export interface ContainerReport {
  container_id: string;
  /** The task's id, for a task without an executor of its own. */
  executor_id: string;
  status: { executor_pid: number; network_infos: Container['networks'] };
}

/** Stands in for the Mesos agent of a host: launches containers through the isolator and answers /health and /containers on port 5051. */
export class MesosAgentDouble implements TaskAgent {
  readonly name: string;
  readonly #containerizer: Containerizer;
  readonly #containers = new Map<string, { taskId: string; container: Container }>();
  readonly #server: Server;
  readonly #namespace: string;

  constructor(host: LabHost, log?: (line: string) => void) {
    this.name = host.name;
    this.#namespace = host.namespace;
    this.#containerizer = host.containerizer(log);
    this.#server = createServer((request, response) => {
      const answer = request.url === '/health' ? '' : request.url === '/containers' ? JSON.stringify(this.containers()) : undefined;
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(answer);
    });
  }

  async listen(): Promise<void> {
    // Without an address to look up, the socket is made before listen() returns, and so in the host's namespace.
    inNamespace(this.#namespace, () => void this.#server.listen(MESOS_AGENT_PORT));
    if (!this.#server.listening) await once(this.#server, 'listening');
  }

  /** @throws {LabError} when the container cannot be launched; nothing of it is left then, unless its DEL failed, too */
  async launch(taskId: string, request: Omit<ContainerRequest, 'containerId'>): Promise<Container> {
    const container = await this.#containerizer.launch({ ...request, containerId: randomUUID() });
    this.#containers.set(container.containerId, { taskId, container });
    return container;
  }

  /** @throws {LabError} ESTUCK when a DEL failed */
  async destroy(containerId: string): Promise<void> {
    await this.#containerizer.destroy(containerId);
    this.#containers.delete(containerId);
  }

  containers(): ContainerReport[] {
    return [...this.#containers.values()].map(({ taskId, container }) => ({
      container_id: container.containerId,
      executor_id: taskId,
      status: { executor_pid: container.pid, network_infos: container.networks },
    }));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
