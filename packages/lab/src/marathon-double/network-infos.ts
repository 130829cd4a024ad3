import type { MarathonApp } from '@weir/mesos';
import type { NetworkInfo } from '../isolator/network-info.ts';

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
      const pairs = Object.entries(labels).map(([key, value]) => ({ key, value }));
      return {
        ...(name !== undefined && { name }),
        ip_addresses: [{}],
        ...(pairs.length > 0 && { labels: { labels: pairs } }),
        ...(port_mappings.length > 0 && { port_mappings }),
      };
    });
}
