/** What is there of a container's wiring, as the kernel has it now. */
import { Netlink, openNamespace } from '@weir/kernel';

export interface Wiring {
  /** True when both ends of the veth are up. */
  up: boolean;
  containerMac: string;
  /** The container interface's addresses of global scope: plain, in canonical text. */
  addresses: string[];
}

/** Undefined when either end is missing. Throws KernelError ENOENT when there is no such namespace. */
export function inspect(where: { namespace: string; interfaceName: string; hostInterface: string }): Wiring | undefined {
  using namespace = openNamespace(where.namespace);
  using host = Netlink.open();
  using container = Netlink.open({ namespace });
  const outside = host.link(where.hostInterface);
  const inside = container.link(where.interfaceName);
  // Two links of these names may also belong to two containers: a veth names its peer's index.
  if (outside === undefined || inside === undefined || outside.peer !== inside.index || inside.peer !== outside.index) return undefined;
  return {
    up: outside.up && inside.up,
    containerMac: inside.mac ?? '',
    addresses: container
      .addresses({ link: inside.index })
      .filter(({ scope }) => scope === 'global')
      .map(({ cidr }) => cidr.slice(0, cidr.indexOf('/'))),
  };
}
