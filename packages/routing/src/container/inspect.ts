/** What is there of a container's wiring, as the kernel has it now. */
import { type Link, Netlink, openNamespace } from '@weir/kernel';

/** One end of a veth. */
export interface WiringEnd {
  up: boolean;
  mac: string;
  /** Bytes. */
  mtu: number;
}

export interface Wiring {
  /** Absent when there is no interface of that name. */
  host?: WiringEnd;
  container?: WiringEnd;
  /** True when both are the ends of one veth. */
  joined: boolean;
  /** The container interface's addresses of global scope: plain, in canonical text. */
  addresses: string[];
  /** What the container reaches over its interface: destinations in CIDR form, with the gateway where there is one. */
  containerRoutes: { destination: string; via?: string }[];
  /** What the host reaches over its end: destinations in CIDR form. */
  hostRoutes: string[];
}

/**
 * Throws KernelError ENOENT when there is no such namespace.
 *
 * @param where.hostNamespace as in `LinkRequest`
 */
export function inspect(where: {
  namespace: string;
  interfaceName: string;
  hostInterface: string;
  hostNamespace?: string | undefined;
}): Wiring {
  using namespace = openNamespace(where.namespace);
  using host = Netlink.open({ namespace: where.hostNamespace });
  using container = Netlink.open({ namespace });
  const outside = host.link(where.hostInterface);
  const inside = container.link(where.interfaceName);
  return {
    ...(outside && { host: endOf(outside) }),
    ...(inside && { container: endOf(inside) }),
    // Two links of these names may also belong to two containers: a veth names its peer's index.
    joined: outside !== undefined && inside !== undefined && outside.peer === inside.index && inside.peer === outside.index,
    addresses: inside === undefined ? [] : globalAddresses(container, inside),
    containerRoutes: inside === undefined ? [] : routesOver(container, inside),
    hostRoutes: outside === undefined ? [] : routesOver(host, outside).map(({ destination }) => destination),
  };
}

const endOf = ({ up, mac = '', mtu }: Link): WiringEnd => ({ up, mac, mtu });

function globalAddresses(netlink: Netlink, link: Link): string[] {
  const addresses = netlink.addresses({ link: link.index });
  return addresses.filter(({ scope }) => scope === 'global').map(({ cidr }) => cidr.slice(0, cidr.indexOf('/')));
}

function routesOver(netlink: Netlink, link: Link): Wiring['containerRoutes'] {
  const routes = netlink.routes({ link: link.index, type: 'unicast' });
  return routes.map(({ destination, via }) => ({ destination, ...(via !== undefined && { via }) }));
}
