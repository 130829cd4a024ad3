/** The network between the hosts, made: a bridge per subnet, in a namespace that is the router between them. */
import { createNamespace, Netlink, Nftables, openNamespace, sysctl } from '@weir/kernel';
import { flat, gatewayOf, type HostLink, hostLink, type Subnet, type Topology } from './topology.ts';

const bridgeOf = ({ subnets }: Topology, { name }: Subnet): string => `switch${subnets.findIndex((subnet) => subnet.name === name)}`;

const plain = (cidr: string): string => cidr.slice(0, cidr.indexOf('/'));

/** The switch's own addresses in the first subnet. */
export const SWITCH_ADDRESSES = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' };

/** In the flat topology. @param index of the host, from 1 */
export function hostAddresses(index: number): { ipv4: string; ipv6: string } {
  const { ipv4, ipv6 } = hostLink(flat(index), index).addresses;
  return { ipv4: plain(ipv4!), ipv6: plain(ipv6!) };
}

/** Makes the namespace in which bridges join the hosts. No link of it is in the machine's own namespace. */
export function makeSwitch(namespace: string, topology: Topology = flat(0)): void {
  createNamespace(namespace);
  using netlink = Netlink.open({ namespace });
  netlink.setLink('lo', { up: true });
  for (const subnet of topology.subnets) {
    const name = bridgeOf(topology, subnet);
    netlink.addBridge({ name, up: true });
    if (subnet.routed) {
      const { ipv4, ipv6 } = gatewayOf(subnet);
      if (ipv4 !== undefined) netlink.addAddress(name, ipv4);
      if (ipv6 !== undefined) netlink.addAddress(name, ipv6, { noDad: true });
    }
  }
  if (topology.subnets.filter(({ routed }) => routed).length < 2) return;
  sysctl('net/ipv4/conf/all/rp_filter', 1, { namespace });
  sysctl('net/ipv4/ip_forward', 1, { namespace });
  sysctl('net/ipv6/conf/all/forwarding', 1, { namespace });
}

/** Of what comes in by a port. By nftables: many kernels come without the qdisc netem. */
function loseFrames(namespace: string, port: string, percent: number): void {
  using nftables = Nftables.open({ namespace });
  nftables.run(`
add table bridge lab
add chain bridge lab forward { type filter hook forward priority filter; policy accept; }
add rule bridge lab forward iifname "${port}" numgen random mod 100 <= ${percent - 1} drop
`);
}

/** Makes a host's namespace with one link, eth0, to its switch; the router is its default gateway where there is one. */
export function makeHostNetwork(options: {
  namespace: string;
  switchNamespace: string;
  name: string;
  index: number;
  topology?: Topology;
}): HostLink {
  const topology = options.topology ?? flat(options.index);
  const link = hostLink(topology, options.index);
  createNamespace(options.namespace);
  using switchSide = Netlink.open({ namespace: options.switchNamespace });
  using target = openNamespace(options.namespace);
  switchSide.addVeth({ name: options.name, up: true, peer: { name: 'eth0', namespace: target } });
  switchSide.setLink(options.name, { master: bridgeOf(topology, link.subnet) });
  if (link.subnet.lossPercent !== undefined) loseFrames(options.switchNamespace, options.name, link.subnet.lossPercent);
  using hostSide = Netlink.open({ namespace: target });
  const { ipv4, ipv6 } = link.addresses;
  hostSide.setLink('lo', { up: true });
  hostSide.setLink('eth0', { up: true });
  if (ipv4 !== undefined) hostSide.addAddress('eth0', ipv4);
  if (ipv6 !== undefined) hostSide.addAddress('eth0', ipv6, { noDad: true });
  if (!link.subnet.routed) return link;
  const gateway = gatewayOf(link.subnet);
  if (gateway.ipv4 !== undefined) hostSide.addRoute({ destination: '0.0.0.0/0', via: plain(gateway.ipv4), link: 'eth0' });
  if (gateway.ipv6 !== undefined) hostSide.addRoute({ destination: '::/0', via: plain(gateway.ipv6), link: 'eth0' });
  return link;
}
