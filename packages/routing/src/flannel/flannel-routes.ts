/** Which routes and tunnels a host of a flannel network needs, made as flannel makes them. Pure. */
import { cidrContains, type Family, familyOf } from '@weir/resources';
import { ROUTE_PROTOCOL } from '../addresses.ts';
import type { BlockRoute } from '../routes/routes.ts';
import { LAST_RESORT } from '../routes/routes.ts';
import { type TunnelPeer, tunnelMac } from '../tunnel/tunnel.ts';
import type { FlannelEnd, FlannelPeer } from './lease.ts';
import type { FlannelBackend } from './network-config.ts';

/** The name that flannel gives its VXLAN interface of a family. */
export const flannelLink = (vni: number, family: Family): string => (family === 'IPv4' ? `flannel.${vni}` : `flannel-v6.${vni}`);

export const isFlannelLink = (name: string): boolean => /^flannel(-v6)?\.\d+$/.test(name);

/** Of the VXLAN interface of that name, where Weir makes it: the same whenever it does. */
export const flannelMac = (host: string, name: string): string => tunnelMac(`${host} ${name}`);

/** The first address of a subnet: that of its host's VXLAN interface, by which routes name it. */
export const vtepAddress = (subnet: string): string => subnet.slice(0, subnet.indexOf('/'));

export interface FlannelRouting {
  /** By destination. */
  routes: Map<string, BlockRoute>;
  /** Ends of tunnels, by family of the interface and subnet. */
  peers: Record<Family, TunnelPeer[]>;
}

export interface FlannelState {
  backend: FlannelBackend;
  /** This host's lease. */
  own: FlannelPeer;
  /** All others', by the last part of the key. */
  others: ReadonlyMap<string, FlannelPeer>;
  /** Indices of this host's VXLAN interfaces, as far as they are there. */
  links: Partial<Record<Family, number>>;
  /** Of this host's addresses. */
  subnets: readonly string[];
}

/** A route to each subnet of others, and a blackhole for the own ones: what of them no container has is addressed to nobody. */
export function flannelRoutes({ backend, own, others, links, subnets }: FlannelState): FlannelRouting {
  const routes = new Map<string, BlockRoute>();
  const peers: Record<Family, TunnelPeer[]> = { IPv4: [], IPv6: [] };
  for (const { subnet } of Object.values(own.ends)) {
    routes.set(subnet, { destination: subnet, protocol: ROUTE_PROTOCOL, type: 'blackhole', metric: LAST_RESORT });
  }
  for (const [name, peer] of others) {
    for (const end of Object.values(peer.ends)) {
      routes.set(end.subnet, { destination: end.subnet, protocol: ROUTE_PROTOCOL, ...towards(name, peer, end) });
    }
  }
  return { routes, peers };

  function towards(name: string, peer: FlannelPeer, end: FlannelEnd): Pick<BlockRoute, 'type' | 'via' | 'link' | 'onLink' | 'problem'> {
    const family = familyOf(end.subnet);
    const unreachable = (problem: string) => ({ type: 'unreachable' as const, problem: `flannel's host ${end.publicAddress}: ${problem}` });
    if (peer.backend !== backend.type)
      return unreachable(`its lease ${name} is of backend "${peer.backend}", the network's is "${backend.type}"`);
    const isNear = subnets.some((subnet) => cidrContains(subnet, end.publicAddress));
    if (backend.type === 'host-gw' || (backend.directRouting && isNear)) return { type: 'unicast', via: end.publicAddress };
    if (end.vtep!.vni !== backend.vni) return unreachable(`its lease ${name} is of VNI ${end.vtep!.vni}, the network's is ${backend.vni}`);
    const link = links[family];
    // Why, is told once and not with each host.
    if (link === undefined) return { type: 'unreachable' };
    const gateway = vtepAddress(end.subnet);
    peers[family].push({ mac: end.vtep!.mac, address: end.publicAddress, gateways: new Set([gateway]) });
    return { type: 'unicast', via: gateway, link, onLink: true };
  }
}
