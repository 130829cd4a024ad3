import type { MarathonApp } from '@weir/mesos';

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
        ...(names[index] === undefined ? [] : [[`PORT_${names[index].toUpperCase().replaceAll('-', '_')}`, String(port)]]),
      ]),
    ),
  };
}
