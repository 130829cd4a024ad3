/** What the Mesos agent, or whoever knows, says of a container beyond what Mesos puts in the network's configuration. */
import type { HostPort, Labels, MesosFacts, NamedPort } from '@weir/resources';

export interface Task {
  /** Labels of the app, as the framework gave them. */
  labels: { key: string; value: string }[];
  /** What Weir itself labels the endpoint with; nobody else's label replaces these. */
  identity: Labels;
  /** Where the app belongs by its path, when no label says so. */
  namespace?: string;
  ports: TaskPort[];
  facts: MesosFacts & { task: string };
  /** What cannot be followed, for people. */
  warnings: string[];
}

/** A named port as the framework announces it: of the container, or the host's that leads there. */
export interface TaskPort extends NamedPort {
  onHost?: boolean;
}

/** Pure: the container's ports that rules can name. A port of the host that leads nowhere in this container has none. */
export function containerPorts(ports: readonly TaskPort[], mappings: readonly HostPort[] = []): NamedPort[] {
  return ports.flatMap(({ onHost, ...port }) => {
    if (!onHost) return [port];
    const mapping = mappings.find(({ hostPort, protocol }) => hostPort === port.port && protocol === port.protocol);
    return mapping === undefined ? [] : [{ ...port, port: mapping.containerPort }];
  });
}
