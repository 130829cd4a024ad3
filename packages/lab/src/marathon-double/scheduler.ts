import { randomUUID } from 'node:crypto';
import type { MarathonApp, MarathonAppStatus, MarathonPod, MarathonPodStatus, MarathonTask } from '@weir/mesos';
import type { Container } from '../container/containerizer.ts';
import { LabError } from '../lab-error.ts';
import type { Instance, Scheduled, TaskAgent } from './instance.ts';
import { instanceId, isPod, type LaunchPlan, planLaunch } from './launch-plan.ts';
import { appStatus, podStatus } from './status.ts';

export interface MarathonEvent {
  eventType: string;
  [field: string]: unknown;
}

export interface Deployment {
  id: string;
  version: string;
  affectedApps: string[];
  affectedPods: string[];
}

const FIRST_HOST_PORT = 31_000;
/** Marathon's backoffSeconds and backoffFactor. */
const BACKOFF_MS = 1000;
const BACKOFF_FACTOR = 1.15;

/** Keeps as many instances of each app and pod running as wanted, spread over the agents; one that fails is launched again, with back-off. */
export class Scheduler {
  readonly #listeners: ((event: MarathonEvent) => void)[] = [];
  readonly #agents: TaskAgent[];
  readonly #log: (line: string) => void;
  readonly #specs = new Map<string, Scheduled>();
  #nextHostPort = FIRST_HOST_PORT;

  constructor(agents: TaskAgent[], log: (line: string) => void) {
    this.#agents = agents;
    this.#log = log;
  }

  /** @param listener is told of what Marathon tells on its event stream (Events.scala) */
  subscribe(listener: (event: MarathonEvent) => void): void {
    this.#listeners.push(listener);
  }

  tell(event: MarathonEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  list(): MarathonAppStatus[] {
    return [...this.#specs.values()].flatMap((spec) => (isApp(spec) ? [appStatus(spec)] : []));
  }

  get(id: string): MarathonAppStatus | undefined {
    const spec = this.#specs.get(id);
    return spec && isApp(spec) ? appStatus(spec) : undefined;
  }

  definition(id: string): MarathonApp | undefined {
    const found = this.#specs.get(id)?.definition;
    return found && !isPod(found) ? found : undefined;
  }

  tasks(id: string): MarathonTask[] | undefined {
    return this.get(id)?.tasks;
  }

  pods(): MarathonPod[] {
    return [...this.#specs.values()].map(({ definition }) => definition).filter(isPod);
  }

  pod(id: string): MarathonPod | undefined {
    return this.pods().find((pod) => pod.id === id);
  }

  podStatus(id: string): MarathonPodStatus | undefined {
    const spec = this.#specs.get(id);
    return spec && !isApp(spec) ? podStatus(spec as Scheduled<MarathonPod>) : undefined;
  }

  deployments(): Deployment[] {
    return [...this.#specs.values()].flatMap(({ definition, deployments, version }) =>
      [...deployments].map((id) => deployment(id, version, definition)),
    );
  }

  /** Takes an app or pod on, or changes it: more than a changed number of instances replaces all of them. @returns the deployment's id */
  apply(definition: MarathonApp | MarathonPod): { deploymentId: string; version: string } {
    const known = this.#specs.get(definition.id);
    const onlyScaled = known && JSON.stringify(scaledTo(known.definition, 0)) === JSON.stringify(scaledTo(definition, 0));
    const spec: Scheduled = known ?? {
      definition,
      version: '',
      instances: [],
      deployments: new Set(),
      failures: 0,
      work: Promise.resolve(),
      backoff: undefined,
    };
    spec.definition = definition;
    if (!onlyScaled) spec.version = new Date().toISOString();
    this.#specs.set(definition.id, spec);
    const from = { clientIp: '127.0.0.1' };
    if (isPod(definition))
      this.tell({ eventType: known ? 'pod_updated_event' : 'pod_created_event', ...from, uri: `/v2/pods${definition.id}` });
    else this.tell({ eventType: 'api_post_event', ...from, uri: `/v2/apps${definition.id}`, appDefinition: definition });
    return { deploymentId: this.#deploy(spec, () => this.#reconcile(spec)), version: spec.version };
  }

  remove(id: string): { deploymentId: string; version: string } {
    const spec = this.#specs.get(id)!;
    clearTimeout(spec.backoff);
    spec.definition = scaledTo(spec.definition, 0);
    const deploymentId = this.#deploy(spec, async () => {
      await this.#reconcile(spec);
      this.#specs.delete(id);
      if (isApp(spec)) this.tell({ eventType: 'app_terminated_event', appId: id });
      else this.tell({ eventType: 'pod_deleted_event', clientIp: '127.0.0.1', uri: `/v2/pods${id}` });
    });
    return { deploymentId, version: spec.version };
  }

  /** What the health checks of an instance find: its id, or that of one of its tasks. */
  setHealth(id: string, alive: boolean): void {
    for (const { definition, version, instances } of this.#specs.values()) {
      const instance = instances.find((one) => one.id === id || one.plan.tasks.some((task) => task.id === id));
      if (instance === undefined || instance.alive === alive) continue;
      instance.alive = alive;
      this.tell({ eventType: 'health_status_changed_event', appId: definition.id, instanceId: instance.id, version, alive });
      this.tell({
        eventType: 'instance_health_changed_event',
        instanceId: instance.id,
        runSpecId: definition.id,
        runSpecVersion: version,
        healthy: alive,
      });
    }
  }

  /** Ends all tasks. */
  async close(): Promise<void> {
    const specs = [...this.#specs.values()];
    for (const { definition } of specs) this.remove(definition.id);
    await Promise.all(specs.map(({ work }) => work));
  }

  #deploy(spec: Scheduled, change: () => Promise<void>): string {
    const id = randomUUID();
    spec.deployments.add(id);
    const action = { action: 'ScaleApplication', [isApp(spec) ? 'app' : 'pod']: spec.definition.id };
    const plan = { id, version: spec.version, steps: [{ actions: [action] }] };
    this.tell({ eventType: 'deployment_info', plan, currentStep: plan.steps[0] });
    spec.work = spec.work
      .then(change)
      .then(() => {
        this.tell({ eventType: 'deployment_step_success', plan, currentStep: plan.steps[0] });
        this.tell({ eventType: 'deployment_success', id, plan });
      })
      .catch((error: Error) => this.#log(`${spec.definition.id}: ${error.message}`))
      .finally(() => spec.deployments.delete(id));
    return id;
  }

  async #reconcile(spec: Scheduled): Promise<void> {
    const wanted = instancesOf(spec.definition);
    const outdated = spec.instances.filter(({ version }) => version !== spec.version);
    const surplus = spec.instances.filter(({ version }) => version === spec.version).slice(wanted);
    await Promise.all([...outdated, ...surplus].map((instance) => this.#kill(spec, instance)));
    const missing = Math.max(0, wanted - spec.instances.length);
    await Promise.all(Array.from({ length: missing }, () => this.#launch(spec)));
  }

  async #launch(spec: Scheduled): Promise<void> {
    const { definition, version } = spec;
    const agent = this.#place(spec);
    const uuid = randomUUID();
    const plan = planLaunch(definition, { instance: uuid, host: agent.name, version, chooseHostPort: () => this.#nextHostPort++ });
    const instance: Instance = {
      id: instanceId(definition, uuid),
      version,
      agent,
      plan,
      state: 'TASK_STAGING',
      stagedAt: new Date().toISOString(),
      startedAt: null,
      addresses: [],
      container: undefined,
    };
    spec.instances.push(instance);
    try {
      const container = await start(agent, plan);
      instance.container = container;
      instance.addresses = container.networks.flatMap(({ ip_addresses }) =>
        ip_addresses.map(({ ip_address, protocol }) => ({ ipAddress: ip_address, protocol })),
      );
      // The command executor binds to the container's IPv4 address, whatever else there is.
      if (!instance.addresses.some(({ protocol }) => protocol === 'IPv4')) throw new LabError('ETASK', 'Failed to obtain the IP address');
      instance.state = 'TASK_RUNNING';
      instance.startedAt = new Date().toISOString();
      this.#tellState(spec, instance, '');
      void container.exit.then(({ code, signal }) => this.#ended(spec, instance, signal ?? `status ${code}`));
    } catch (error) {
      this.#log(`${instance.id}: ${(error as Error).message}`);
      await this.#fail(spec, instance, (error as Error).message);
    }
  }

  /** The agent with the fewest instances of the app, then the one with the fewest containers. */
  #place({ instances }: Scheduled): TaskAgent {
    const cost = (agent: TaskAgent) => {
      const isThere = (instance: Instance) => instance.agent === agent;
      const all = [...this.#specs.values()].flatMap((spec) => spec.instances).filter(isThere);
      return instances.filter(isThere).length * 1e6 + all.length;
    };
    return this.#agents.reduce((best, agent) => (cost(agent) < cost(best) ? agent : best));
  }

  async #kill(spec: Scheduled, instance: Instance): Promise<void> {
    instance.state = 'TASK_KILLING';
    if (instance.container) await instance.agent.destroy(instance.container.containerId);
    spec.instances.splice(spec.instances.indexOf(instance), 1);
    instance.state = 'TASK_KILLED';
    this.#tellState(spec, instance, 'Command terminated with signal Killed');
  }

  #ended(spec: Scheduled, instance: Instance, how: string): void {
    if (instance.state !== 'TASK_RUNNING') return;
    this.#deploy(spec, () => this.#fail(spec, instance, `Command exited: ${how}`));
  }

  async #fail(spec: Scheduled, instance: Instance, message: string): Promise<void> {
    spec.lastTaskFailure = { message, taskId: instance.plan.tasks[0]!.id, state: 'TASK_FAILED' };
    await this.#kill(spec, instance);
    const delay = BACKOFF_MS * BACKOFF_FACTOR ** spec.failures++;
    clearTimeout(spec.backoff);
    spec.backoff = setTimeout(() => this.#deploy(spec, () => this.#reconcile(spec)), delay);
    spec.backoff.unref();
  }

  #tellState({ definition, version }: Scheduled, { agent, plan, state, addresses }: Instance, message: string): void {
    for (const { id } of plan.tasks)
      this.tell({
        eventType: 'status_update_event',
        slaveId: agent.name,
        taskId: id,
        taskStatus: state,
        message,
        appId: definition.id,
        host: agent.name,
        ipAddresses: addresses,
        ports: plan.hostPorts,
        version,
      });
  }
}

function start(agent: TaskAgent, { executor, ...plan }: LaunchPlan): Promise<Container> {
  if (executor !== undefined) return agent.launchGroup({ ...plan, executor });
  const { command, env, ...task } = plan.tasks[0]!;
  return agent.launch(task, { networkInfos: plan.networkInfos, command, env });
}

function isApp(spec: Scheduled): spec is Scheduled<MarathonApp> {
  return !isPod(spec.definition);
}

function instancesOf(definition: MarathonApp | MarathonPod): number {
  return isPod(definition) ? definition.scaling.instances : definition.instances;
}

function scaledTo<Definition extends MarathonApp | MarathonPod>(definition: Definition, instances: number): Definition {
  return isPod(definition) ? { ...definition, scaling: { ...definition.scaling, instances } } : { ...definition, instances };
}

function deployment(id: string, version: string, definition: MarathonApp | MarathonPod): Deployment {
  const [affectedApps, affectedPods] = isPod(definition) ? [[], [definition.id]] : [[definition.id], []];
  return { id, version, affectedApps, affectedPods };
}
