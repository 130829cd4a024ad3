import type { MarathonApp, MarathonNetwork, MarathonPod } from '@weir/mesos';
import type { NetworkInfo } from '../isolator/network-info.ts';
import type { TaskInfo } from './task-info.ts';

/** A port mapping of an app, or an endpoint of a pod, with the host's port that was chosen for it. */
export interface PortPlan {
  name: string | undefined;
  containerPort: number;
  /** `undefined` where none is mapped. */
  hostPort: number | undefined;
  protocols: string[];
  labels: Record<string, string>;
  /** Empty: all. */
  networkNames: string[];
}

export function portsOfApp(app: MarathonApp, chooseHostPort: () => number): PortPlan[] {
  return (app.container?.portMappings ?? []).map(({ name, containerPort, hostPort, protocol, labels, networkNames }) =>
    planPort({ name, containerPort, hostPort, protocols: protocol.split(','), labels, networkNames }, chooseHostPort),
  );
}

export function portsOfPodContainer({ endpoints }: MarathonPod['containers'][0], chooseHostPort: () => number): PortPlan[] {
  return endpoints.map(({ name, containerPort = 0, hostPort, protocol, labels, networkNames }) =>
    planPort({ name, containerPort, hostPort, protocols: protocol, labels, networkNames }, chooseHostPort),
  );
}

function planPort(port: PortPlan, chooseHostPort: () => number): PortPlan {
  const hostPort = port.hostPort === 0 ? chooseHostPort() : port.hostPort;
  return { ...port, hostPort, containerPort: port.containerPort || (hostPort ?? 0) };
}

/**
 * What Marathon makes of `networks` for Mesos (ContainerSerializer.scala, TaskGroupBuilder.scala): the network's labels, always one address
 * without a wish, and those port mappings that have a host port and belong to the network. Labels of the app or pod do not get there.
 */
export function networkInfos(networks: readonly MarathonNetwork[], ports: readonly PortPlan[]): NetworkInfo[] {
  return networks
    .filter(({ mode }) => mode === 'container')
    .map(({ name, labels }) => {
      const port_mappings = ports.flatMap(({ containerPort, hostPort, protocols, networkNames }) => {
        if (hostPort === undefined || (networkNames.length > 0 && !networkNames.includes(name ?? ''))) return [];
        return protocols.map((protocol) => ({ host_port: hostPort, container_port: containerPort, protocol }));
      });
      const own = pairs(labels);
      return {
        ...(name !== undefined && { name }),
        ip_addresses: [{}],
        ...(own.length > 0 && { labels: { labels: own } }),
        ...(port_mappings.length > 0 && { port_mappings }),
      };
    });
}

export function pairs(labels: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(labels).map(([key, value]) => ({ key, value }));
}

/**
 * DiscoveryInfo's ports (PortDiscovery.scala): the host's port where one is mapped, else the container's once for each of its networks; labels say
 * which of the two it is.
 */
export function discoveryPorts(networks: readonly MarathonNetwork[], ports: readonly PortPlan[]): TaskInfo['ports'] {
  const all = networks.filter(({ mode }) => mode === 'container').map(({ name = '' }) => name);
  return ports.flatMap(({ name, containerPort, hostPort, protocols, labels, networkNames }) => {
    const scopes: Record<string, string>[] =
      hostPort === undefined
        ? (networkNames.length > 0 ? networkNames : all).map((network) => ({ 'network-scope': 'container', 'network-name': network }))
        : [{ 'network-scope': 'host' }];
    return protocols.flatMap((protocol) =>
      scopes.map((scope) => ({
        number: hostPort ?? containerPort,
        ...(name !== undefined && { name }),
        protocol,
        labels: { labels: pairs({ ...labels, ...scope }) },
      })),
    );
  });
}
