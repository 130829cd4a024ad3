/** Finds the host's end of an interface that somebody else's plugin made. */
import { existsSync } from 'node:fs';
import { type Link, Netlink, openNamespace } from '@weir/kernel';
import { RoutingError } from '../routing-error.ts';

export interface HostEnd {
  hostInterface: string;
  /** Name of the bridge that it is a port of. */
  bridge?: string;
}

/**
 * By the indexes that both ends of a veth know of each other. What a plugin's result names it by cannot be relied on: a bridge's names
 * three interfaces, and the form of 0.2.0 none.
 *
 * Throws RoutingError ENOTVETH when the interface is missing or has no end on this host, EMASTER when that end belongs to something other
 * than a bridge or to one that filters by VLAN, ENOBRNETFILTER when this host cannot see bridged packets; KernelError ENOENT when there is no such namespace.
 */
export function findHostEnd({ namespace: path, interfaceName }: { namespace: string; interfaceName: string }): HostEnd {
  using namespace = openNamespace(path);
  using host = Netlink.open();
  using container = Netlink.open({ namespace });
  const inside = container.link(interfaceName);
  if (inside === undefined) throw new RoutingError('ENOTVETH', `there is no interface ${interfaceName} in ${path}`);
  const outside = inside.kind === 'veth' && inside.peer !== undefined ? host.link(inside.peer) : undefined;
  // The index may also be one of a third namespace, and another link here.
  if (outside?.kind !== 'veth' || outside.peer !== inside.index) {
    const what = inside.kind === 'veth' ? 'a veth whose other end is not on this host' : `of kind ${inside.kind ?? 'physical'}`;
    throw new RoutingError('ENOTVETH', `${interfaceName} in ${path} is ${what}: its packets pass no interface of this host`);
  }
  if (outside.master === undefined) return { hostInterface: outside.name };
  const bridge = requireBridge(host.link(outside.master), `${outside.name}, the host's end of ${interfaceName}`);
  requireBridgeNetfilter(bridge);
  return { hostInterface: outside.name, bridge };
}

/**
 * Pure: the name of the bridge.
 * @param what the port, for the message
 */
export function requireBridge(master: Link | undefined, what: string): string {
  if (master?.kind !== 'bridge') {
    const found = master === undefined ? 'something that is gone' : `${master.name}, of kind ${master.kind ?? 'unknown'}`;
    throw new RoutingError('EMASTER', `${what}, belongs to ${found}, and not to a bridge`);
  }
  if (master.bridge?.filtersVlans) {
    throw new RoutingError(
      'EMASTER',
      `${what}, belongs to ${master.name}, which filters by VLAN: frames have tags within it, and policy does not see into those`,
    );
  }
  return master.name;
}

function requireBridgeNetfilter(bridge: string): void {
  if (existsSync('/proc/sys/net/bridge')) return;
  throw new RoutingError(
    'ENOBRNETFILTER',
    `policy cannot see what goes from port to port of ${bridge}: the kernel module br_netfilter is not loaded`,
  );
}
