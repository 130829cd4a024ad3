import { randomUUID } from 'node:crypto';
import type { MarathonApp, MarathonAppStatus, MarathonTask } from '@weir/mesos';
import type { Container, ContainerRequest } from '../container/containerizer.ts';
import { LabError } from '../lab-error.ts';
import { discoveryPorts, networkInfos, pairs } from './network-infos.ts';
import { taskEnvironment } from './task-environment.ts';

/** What a framework says of a task, as far as the Mesos agent tells of it (`TaskInfo` in mesos.proto). */
export interface TaskInfo {
  id: string;
  labels: { key: string; value: string }[];
  ports: { number: number; name?: string; protocol: string; labels: { labels: { key: string; value: string }[] } }[];
}

/** Where tasks run: a Mesos agent. */
export interface TaskAgent {
  readonly name: string;
  launch(task: TaskInfo, request: Omit<ContainerRequest, 'containerId'>): Promise<Container>;
  destroy(containerId: string): Promise<void>;
}

interface Task {
  report: MarathonTask;
  version: string;
  agent: TaskAgent;
  container: Container | undefined;
}

interface ScheduledApp {
  definition: MarathonApp;
  version: string;
  tasks: Task[];
  deployments: Set<string>;
  failures: number;
  lastTaskFailure?: { message: string; taskId: string; state: string };
  /** The end of the queue of changes: one at a time. */
  work: Promise<void>;
  backoff: NodeJS.Timeout | undefined;
}

const FIRST_HOST_PORT = 31_000;
/** Marathon's backoffSeconds and backoffFactor. */
const BACKOFF_MS = 1000;
const BACKOFF_FACTOR = 1.15;

/** Keeps as many instances of each app running as wanted, spread over the agents; a task that fails is launched again, with back-off. */
export class Scheduler {
  /** Told of what Marathon tells on its event stream (docs/docs/event-bus.md). */
  onEvent: (event: { eventType: string; [field: string]: unknown }) => void = () => {};
  readonly #agents: TaskAgent[];
  readonly #log: (line: string) => void;
  readonly #apps = new Map<string, ScheduledApp>();
  #nextHostPort = FIRST_HOST_PORT;

  constructor(agents: TaskAgent[], log: (line: string) => void) {
    this.#agents = agents;
    this.#log = log;
  }

  list(): MarathonAppStatus[] {
    return [...this.#apps.values()].map(describe);
  }

  get(id: string): MarathonAppStatus | undefined {
    const app = this.#apps.get(id);
    return app && describe(app);
  }

  definition(id: string): MarathonApp | undefined {
    return this.#apps.get(id)?.definition;
  }

  tasks(id: string): MarathonTask[] | undefined {
    return this.#apps.get(id)?.tasks.map(({ report }) => report);
  }

  /** Takes an app on, or changes it: more than a changed number of instances replaces all of them. @returns the deployment's id */
  apply(definition: MarathonApp): { deploymentId: string; version: string } {
    const known = this.#apps.get(definition.id);
    const onlyScaled = known && JSON.stringify({ ...known.definition, instances: 0 }) === JSON.stringify({ ...definition, instances: 0 });
    const app: ScheduledApp = known ?? {
      definition,
      version: '',
      tasks: [],
      deployments: new Set(),
      failures: 0,
      work: Promise.resolve(),
      backoff: undefined,
    };
    app.definition = definition;
    if (!onlyScaled) app.version = new Date().toISOString();
    this.#apps.set(definition.id, app);
    this.onEvent({ eventType: 'api_post_event', uri: `/v2/apps${definition.id}`, appDefinition: definition });
    return { deploymentId: this.#deploy(app, () => this.#reconcile(app)), version: app.version };
  }

  remove(id: string): { deploymentId: string; version: string } {
    const app = this.#apps.get(id)!;
    clearTimeout(app.backoff);
    app.definition = { ...app.definition, instances: 0 };
    const deploymentId = this.#deploy(app, async () => {
      await this.#reconcile(app);
      this.#apps.delete(id);
      this.onEvent({ eventType: 'app_terminated_event', appId: id });
    });
    return { deploymentId, version: app.version };
  }

  /** Ends all tasks. */
  async close(): Promise<void> {
    const apps = [...this.#apps.values()];
    for (const { definition } of apps) this.remove(definition.id);
    await Promise.all(apps.map(({ work }) => work));
  }

  #deploy(app: ScheduledApp, change: () => Promise<void>): string {
    const id = randomUUID();
    app.deployments.add(id);
    app.work = app.work
      .then(change)
      .then(() => this.onEvent({ eventType: 'deployment_success', id }))
      .catch((error: Error) => this.#log(`${app.definition.id}: ${error.message}`))
      .finally(() => app.deployments.delete(id));
    return id;
  }

  async #reconcile(app: ScheduledApp): Promise<void> {
    const outdated = app.tasks.filter(({ version }) => version !== app.version);
    const surplus = app.tasks.filter(({ version }) => version === app.version).slice(app.definition.instances);
    await Promise.all([...outdated, ...surplus].map((task) => this.#kill(app, task)));
    const missing = Math.max(0, app.definition.instances - app.tasks.length);
    await Promise.all(Array.from({ length: missing }, () => this.#launch(app)));
  }

  async #launch(app: ScheduledApp): Promise<void> {
    const { definition, version } = app;
    const agent = this.#place(app);
    const mappings = definition.container?.portMappings ?? [];
    const hostPorts = mappings.map(({ hostPort }) => (hostPort === 0 ? this.#nextHostPort++ : hostPort));
    const ports = mappings.map(({ containerPort }, index) => containerPort || hostPorts[index] || 0);
    const id = `${definition.id.slice(1).replaceAll('/', '_')}.instance-${randomUUID()}._app.1`;
    const report: MarathonTask = {
      id,
      appId: definition.id,
      host: agent.name,
      state: 'TASK_STAGING',
      ipAddresses: [],
      ports: hostPorts.filter((port) => port !== undefined),
      stagedAt: new Date().toISOString(),
      startedAt: null,
    };
    const task: Task = { report, version, agent, container: undefined };
    app.tasks.push(task);
    try {
      const info = { id, labels: pairs(definition.labels), ports: discoveryPorts(definition, hostPorts) };
      const container = await agent.launch(info, {
        networkInfos: networkInfos(definition, hostPorts),
        command: definition.cmd ?? '',
        env: taskEnvironment(definition, { id, host: agent.name, version, ports }),
      });
      task.container = container;
      report.ipAddresses = container.networks.flatMap(({ ip_addresses }) =>
        ip_addresses.map(({ ip_address, protocol }) => ({ ipAddress: ip_address, protocol })),
      );
      // The command executor binds to the container's IPv4 address, whatever else there is.
      if (!report.ipAddresses.some(({ protocol }) => protocol === 'IPv4')) throw new LabError('ETASK', 'Failed to obtain the IP address');
      report.state = 'TASK_RUNNING';
      report.startedAt = new Date().toISOString();
      void container.exit.then(({ code, signal }) => this.#ended(app, task, signal ?? `status ${code}`));
    } catch (error) {
      this.#log(`${id}: ${(error as Error).message}`);
      await this.#fail(app, task, (error as Error).message);
    }
  }

  /** The agent with the fewest instances of the app, then the one with the fewest containers. */
  #place(app: ScheduledApp): TaskAgent {
    const cost = (agent: TaskAgent) => {
      const all = [...this.#apps.values()].flatMap(({ tasks }) => tasks).filter((task) => task.agent === agent);
      return all.filter(({ report }) => report.appId === app.definition.id).length * 1e6 + all.length;
    };
    return this.#agents.reduce((best, agent) => (cost(agent) < cost(best) ? agent : best));
  }

  async #kill(app: ScheduledApp, task: Task): Promise<void> {
    task.report.state = 'TASK_KILLING';
    if (task.container) await task.agent.destroy(task.container.containerId);
    app.tasks.splice(app.tasks.indexOf(task), 1);
  }

  #ended(app: ScheduledApp, task: Task, how: string): void {
    if (task.report.state !== 'TASK_RUNNING') return;
    this.#deploy(app, () => this.#fail(app, task, `Command exited: ${how}`));
  }

  async #fail(app: ScheduledApp, task: Task, message: string): Promise<void> {
    app.lastTaskFailure = { message, taskId: task.report.id, state: 'TASK_FAILED' };
    await this.#kill(app, task);
    const delay = BACKOFF_MS * BACKOFF_FACTOR ** app.failures++;
    clearTimeout(app.backoff);
    app.backoff = setTimeout(() => this.#deploy(app, () => this.#reconcile(app)), delay);
    app.backoff.unref();
  }
}

function describe(app: ScheduledApp): MarathonAppStatus {
  const reports = app.tasks.map(({ report }) => report);
  return {
    ...app.definition,
    version: app.version,
    tasksStaged: reports.filter(({ state }) => state === 'TASK_STAGING').length,
    tasksRunning: reports.filter(({ state }) => state === 'TASK_RUNNING').length,
    deployments: [...app.deployments].map((id) => ({ id })),
    tasks: reports,
    ...(app.lastTaskFailure && { lastTaskFailure: app.lastTaskFailure }),
  };
}
