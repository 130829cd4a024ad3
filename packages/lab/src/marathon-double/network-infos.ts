import type { MarathonApp } from '@weir/mesos';
import type { NetworkInfo } from '../isolator/network-info.ts';
import type { TaskInfo } from './scheduler.ts';

/**
 * What Marathon makes of an app's `networks` for Mesos (ContainerSerializer.scala): the network's labels, always one address without a
 * wish, and those port mappings that have a host port and belong to the network. The app's own labels do not get there.
 *
 * @param hostPorts of the port mappings, in their order; `undefined` where none is mapped
 */
export function networkInfos(app: MarathonApp, hostPorts: (number | undefined)[]): NetworkInfo[] {
  return app.networks
    .filter(({ mode }) => mode === 'container')
    .map(({ name, labels }) => {
      const port_mappings = (app.container?.portMappings ?? []).flatMap(({ containerPort, protocol, networkNames }, index) => {
        const hostPort = hostPorts[index];
        if (hostPort === undefined || (networkNames.length > 0 && !networkNames.includes(name ?? ''))) return [];
        return protocol.split(',').map((one) => ({ host_port: hostPort, container_port: containerPort || hostPort, protocol: one }));
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

/** DiscoveryInfo's ports (PortDiscovery.scala): the host's where one is mapped, and a label that says which of the two it is. */
export function discoveryPorts(app: MarathonApp, hostPorts: (number | undefined)[]): TaskInfo['ports'] {
  return (app.container?.portMappings ?? []).flatMap(({ containerPort, name, protocol, labels }, index) => {
    const hostPort = hostPorts[index];
    const scope = { key: 'network-scope', value: hostPort === undefined ? 'container' : 'host' };
    return protocol.split(',').map((one) => ({
      number: hostPort ?? containerPort,
      ...(name !== undefined && { name }),
      protocol: one,
      labels: { labels: [...pairs(labels), scope] },
    }));
  });
}
