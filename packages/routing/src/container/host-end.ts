/** Finds the host's end of an interface that somebody else's plugin made. */
import { existsSync } from 'node:fs';
import { Netlink, openNamespace } from '@weir/kernel';
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
 * than a bridge, ENOBRNETFILTER when this host cannot see bridged packets; KernelError ENOENT when there is no such namespace.
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
  const master = host.link(outside.master);
  if (master?.kind !== 'bridge') {
    const what = master === undefined ? 'something that is gone' : `${master.name}, of kind ${master.kind ?? 'unknown'}`;
    throw new RoutingError('EMASTER', `${outside.name}, the host's end of ${interfaceName}, belongs to ${what}, and not to a bridge`);
  }
  requireBridgeNetfilter(master.name);
  return { hostInterface: outside.name, bridge: master.name };
}

function requireBridgeNetfilter(bridge: string): void {
  if (existsSync('/proc/sys/net/bridge')) return;
  throw new RoutingError(
    'ENOBRNETFILTER',
    `policy cannot see what goes from port to port of ${bridge}: the kernel module br_netfilter is not loaded`,
  );
}
