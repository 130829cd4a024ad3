/** Pure: what Marathon asks of Mesos for one instance of an app (TaskBuilder.scala) or of a pod (TaskGroupBuilder.scala). */
import type { MarathonApp, MarathonPod } from '@weir/mesos';
import type { NetworkInfo } from '../isolator/network-info.ts';
import { discoveryPorts, networkInfos, pairs, portsOfApp, portsOfPodContainer } from './network-infos.ts';
import { podEnvironment, taskEnvironment } from './task-environment.ts';
import type { TaskInfo } from './task-info.ts';

/** A task with what it runs. */
export interface PlannedTask extends TaskInfo {
  /** Of the pod's container; an app's has none. */
  name?: string;
  command: string;
  env: Record<string, string>;
}

export interface LaunchPlan {
  /** The default executor, in whose container a pod's are nested. A task of an app has a command executor. */
  executor?: { id: string; labels: { key: string; value: string }[] };
  networkInfos: NetworkInfo[];
  tasks: PlannedTask[];
  /** Of the host, in the order of the definition. */
  hostPorts: number[];
}

export interface Placement {
  /** A UUID. */
  instance: string;
  host: string;
  version: string;
  chooseHostPort: () => number;
}

export function planLaunch(definition: MarathonApp | MarathonPod, placement: Placement): LaunchPlan {
  return isPod(definition) ? planPod(definition, placement) : planApp(definition, placement);
}

export function isPod(definition: MarathonApp | MarathonPod): definition is MarathonPod {
  return Array.isArray((definition as MarathonPod).containers);
}

/** `shop_web.instance-<uuid>`: of instances and, with more behind it, of tasks (Instance.Id, Task.Id). */
export function instanceId({ id }: { id: string }, uuid: string): string {
  return `${pathWithUnderscores(id)}.instance-${uuid}`;
}

function planApp(app: MarathonApp, { instance, host, version, chooseHostPort }: Placement): LaunchPlan {
  const ports = portsOfApp(app, chooseHostPort);
  const id = `${instanceId(app, instance)}._app.1`;
  const numbers = ports.map(({ containerPort }) => containerPort);
  return {
    networkInfos: networkInfos(app.networks, ports),
    tasks: [
      {
        id,
        labels: pairs(app.labels),
        ports: discoveryPorts(app.networks, ports),
        command: app.cmd ?? '',
        env: taskEnvironment(app, { id, host, version, ports: numbers }),
      },
    ],
    hostPorts: ports.flatMap(({ hostPort }) => hostPort ?? []),
  };
}

function planPod(pod: MarathonPod, { instance, host, version, chooseHostPort }: Placement): LaunchPlan {
  const containers = pod.containers.map((container) => ({ container, ports: portsOfPodContainer(container, chooseHostPort) }));
  const all = containers.flatMap(({ ports }) => ports);
  return {
    executor: { id: `instance-${pathWithUnderscores(pod.id)}.${instance}`, labels: pairs(pod.labels) },
    networkInfos: networkInfos(pod.networks, all),
    tasks: containers.map(({ container, ports }) => {
      const id = `${instanceId(pod, instance)}.${container.name}`;
      return {
        id,
        name: container.name,
        labels: pairs(container.labels),
        ports: discoveryPorts(pod.networks, ports),
        command: commandOf(container),
        env: podEnvironment(pod, container, { id, host, version, ports: all }),
      };
    }),
    hostPorts: all.flatMap(({ hostPort }) => hostPort ?? []),
  };
}

function commandOf({ exec }: MarathonPod['containers'][0]): string {
  if (exec === undefined) return 'exec sleep 2147483647';
  const { command } = exec as { command: { shell: string } | { argv: string[] } };
  return 'shell' in command ? command.shell : `exec ${command.argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`;
}

function pathWithUnderscores(id: string): string {
  return id.slice(1).replaceAll('/', '_');
}
