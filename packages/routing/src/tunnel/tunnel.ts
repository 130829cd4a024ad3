/** What follows from the ends of VXLAN tunnels, as the Host objects tell them. Pure. */
import { createHash } from 'node:crypto';
import { type Family, familyOf, type Host, type VxlanEnd } from '@weir/resources';
import { linkLocalAddress, macFrom } from '../addresses.ts';

/** Not of the prefix `weir`: what comes out of a tunnel is no container, and policy is not over it. */
export const TUNNEL_LINK = 'vxlan.weir';

/** IP, UDP, VXLAN and Ethernet headers around an inner packet, in bytes. */
export const TUNNEL_OVERHEAD: Readonly<Record<Family, number>> = { IPv4: 20 + 8 + 8 + 14, IPv6: 40 + 8 + 8 + 14 };

/** The smallest that IPv6 takes (RFC 8200 §5): on a smaller link the kernel refuses its addresses and routes. */
const IPV6_MINIMUM = 1280;

/**
 * The largest packets for a tunnel over a link. Of IPv6 they are not smaller than that takes: what is too large for the link then the kernel cuts, with
 * all its headers, and puts together again at the other end.
 */
export function tunnelMtu(underlayMtu: number, { underlay, carriesIPv6 }: { underlay: Family; carriesIPv6: boolean }): number {
  return Math.max(underlayMtu - TUNNEL_OVERHEAD[underlay], carriesIPv6 ? IPV6_MINIMUM : 0);
}

/** Hardware address of a host's end, made from its name: the same after each boot, so that peers' entries stay right. */
export const tunnelMac = (host: string): string => macFrom(createHash('sha256').update(`vxlan ${host}`).digest());

/** What this host has to know of a peer to send to it through the tunnel. */
export interface TunnelPeer {
  mac: string;
  /** Of the underlay. */
  address: string;
  /** Next hops of the routes that lead there; the neighbour entries say that they have the peer's hardware address. */
  gateways: ReadonlySet<string>;
}

/**
 * The next hop by which a route of a family names the end of a tunnel. It is on no interface, the neighbour entry alone tells where it is. For IPv6
 * it is the link-local address of the peer's hardware address; for IPv4 the peer's underlay address, and where the underlay has IPv6
 * alone, the link-local one as well (RFC 5549).
 */
export function tunnelGateway({ address, mac }: VxlanEnd, family: Family): string {
  return family === 'IPv4' && familyOf(address) === 'IPv4' ? address : linkLocalAddress(mac);
}

/** Why packets of this host cannot go to the peer through a tunnel; undefined where they can. */
export function tunnelProblem(own: VxlanEnd, { metadata: { name }, spec: { vxlan: peer } }: Host): string | undefined {
  if (peer === undefined) return `host "${name}" has no end of a tunnel yet`;
  if (peer.port !== own.port || peer.vni !== own.vni)
    return `host "${name}" has VXLAN port ${peer.port} and VNI ${peer.vni}, this one ${own.port} and ${own.vni}: set "vxlan" of agent.yaml to the same on all hosts`;
  if (familyOf(peer.address) !== familyOf(own.address))
    return `the tunnels of host "${name}" end at ${peer.address}, those of this host at ${own.address}: set "vxlan.underlay" of agent.yaml to the same family on all hosts`;
  if (peer.address === own.address) return `host "${name}" has the address ${own.address} of this host`;
  return undefined;
}
