import type { MarathonClient, MarathonTask } from '@weir/mesos';
import { startProbe } from '../container/container-probe.ts';
import type { LabHost } from '../lab-host.ts';
import { type ContainerReport, MESOS_AGENT_PORT } from '../marathon-double/mesos-agent-double.ts';
import type { Probe } from '../probe/probe.ts';

/** A running instance of an app, with a probe in its container. */
export interface Instance {
  /** `nginx-1`: the app's last name and a number. */
  label: string;
  app: string;
  host: string;
  containerId: string;
  pid: number;
  ipv4: string;
  ipv6: string | undefined;
  probe: Probe;
}

/** The lab's apps as a demo sees them: what Marathon says about tasks, joined with what the hosts' Mesos agents say about containers. */
export class Instances {
  readonly #marathon: MarathonClient;
  readonly #hostProbes: Map<string, Probe>;
  readonly #known = new Map<string, Instance>();

  /** @param hostProbes by the host's name */
  constructor(marathon: MarathonClient, hostProbes: Map<string, Probe>) {
    this.#marathon = marathon;
    this.#hostProbes = hostProbes;
  }

  static probeHosts(hosts: LabHost[]): Map<string, Probe> {
    return new Map(hosts.map((host) => [host.name, host.startProbe()]));
  }

  /** All running instances, apps in the given order; those seen before keep label and probe. */
  async list(apps: string[]): Promise<Instance[]> {
    const containers = await this.#containers();
    const found: Instance[] = [];
    for (const app of apps) {
      const tasks = (await this.#marathon.listTasks(app)).filter(({ state }) => state === 'TASK_RUNNING');
      for (const task of tasks) found.push(this.#known.get(task.id) ?? this.#meet(app, task, containers.get(task.id)!));
    }
    return found;
  }

  #meet(app: string, task: MarathonTask, container: ContainerReport): Instance {
    const address = (protocol: string) => task.ipAddresses.find((one) => one.protocol === protocol)?.ipAddress.split('/')[0];
    const name = app.split('/').at(-1)!;
    const pid = container.status.executor_pid;
    const instance: Instance = {
      label: `${name}-${[...this.#known.values()].filter((other) => other.app === app).length + 1}`,
      app,
      host: task.host ?? '',
      containerId: container.container_id,
      pid,
      ipv4: address('IPv4')!,
      ipv6: address('IPv6'),
      probe: startProbe({ containerId: container.container_id, pid }),
    };
    this.#known.set(task.id, instance);
    return instance;
  }

  async #containers(): Promise<Map<string, ContainerReport>> {
    const reports = await Promise.all(
      [...this.#hostProbes.values()].map(async (probe) => {
        const { body } = await probe.http(`http://127.0.0.1:${MESOS_AGENT_PORT}/containers`);
        return JSON.parse(body ?? '[]') as ContainerReport[];
      }),
    );
    return new Map(reports.flat().map((report) => [report.executor_id, report]));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ probe }) => probe.close()));
  }
}
