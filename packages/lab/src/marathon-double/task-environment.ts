import type { MarathonApp, MarathonPod } from '@weir/mesos';
import type { PortPlan } from './network-infos.ts';

/** Variables that Marathon gives to a task (docs/docs/task-environment-vars.md), as far as they make sense in a container's own network. */
export function taskEnvironment(
  app: MarathonApp,
  task: { id: string; host: string; version: string; ports: number[] },
): Record<string, string> {
  const names = app.container?.portMappings?.map(({ name }) => name) ?? [];
  return {
    ...app.env,
    MARATHON_APP_ID: app.id,
    MARATHON_APP_VERSION: task.version,
    MARATHON_APP_RESOURCE_CPUS: String(app.cpus),
    MARATHON_APP_RESOURCE_MEM: String(app.mem),
    MARATHON_APP_RESOURCE_DISK: String(app.disk),
    MARATHON_APP_LABELS: Object.keys(app.labels).join(' '),
    MESOS_TASK_ID: task.id,
    HOST: task.host,
    PORTS: task.ports.join(','),
    ...(task.ports[0] !== undefined && { PORT: String(task.ports[0]) }),
    ...Object.fromEntries(
      task.ports.flatMap((port, index) => [
        [`PORT${index}`, String(port)],
        ...(names[index] === undefined ? [] : [[`PORT_${variableName(names[index])}`, String(port)]]),
      ]),
    ),
  };
}

/** Those of a pod's container: of its pod's ports each has a variable of its name (docs/docs/pods.md, "Environment variables"). */
export function podEnvironment(
  pod: MarathonPod,
  container: MarathonPod['containers'][0],
  task: { id: string; host: string; version: string; ports: readonly PortPlan[] },
): Record<string, string> {
  return {
    ...pod.environment,
    ...container.environment,
    MARATHON_APP_ID: pod.id,
    MARATHON_APP_VERSION: task.version,
    MARATHON_APP_LABELS: Object.keys({ ...pod.labels, ...container.labels }).join(' '),
    MARATHON_CONTAINER_ID: container.name,
    MESOS_TASK_ID: task.id,
    HOST: task.host,
    ...Object.fromEntries(
      task.ports.map(({ name = '', containerPort, hostPort }) => [`ENDPOINT_${variableName(name)}`, String(hostPort ?? containerPort)]),
    ),
  };
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
