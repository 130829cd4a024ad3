/** The network between the hosts, made: a bridge per subnet, in a namespace that is the router between them. */
import { execFileSync } from 'node:child_process';
import { createNamespace, inNamespace, Netlink, Nftables, openNamespace, sysctl } from '@weir/kernel';
import type { LabFolder } from './lab-folder.ts';
import {
  flat,
  gatewayOf,
  hostLink,
  hostLinks,
  outsideLink,
  type PlacedLink,
  type Router,
  routerLinks,
  type Subnet,
  type Topology,
} from './topology.ts';

/** Metric of the default routes by all but the first link: above either family's own. */
const LATER_DEFAULTS = 2000;

const bridgeOf = ({ subnets }: Topology, { name }: Subnet): string => `switch${subnets.findIndex((subnet) => subnet.name === name)}`;

const plain = (cidr: string): string => cidr.slice(0, cidr.indexOf('/'));

/** The switch's own addresses in the first subnet. */
export const SWITCH_ADDRESSES = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' };

/** In the flat topology. @param index of the host, from 1 */
export function hostAddresses(index: number): { ipv4: string; ipv6: string } {
  const { ipv4, ipv6 } = hostLink(flat(index), index).addresses;
  return { ipv4: plain(ipv4!), ipv6: plain(ipv6!) };
}

/** The fabric of a topology, all but the hosts: the switches with the router between them, the other routers, the machines that are no hosts. */
export function makeTopology(folder: LabFolder, topology: Topology): void {
  const switchNamespace = folder.namespacePath('switch');
  makeSwitch(switchNamespace, topology);
  for (const router of topology.routers ?? []) {
    const namespace = folder.namespacePath(router.name);
    plugIn({ namespace, switchNamespace, name: router.name, topology, links: routerLinks(topology, router) });
    forwardPackets(namespace);
    spreadFlows(namespace);
    if (router.loopback !== undefined) setOwnAddresses(namespace, router.loopback);
  }
  for (const index of (topology.outside ?? []).keys()) {
    const name = `outside-${index + 1}`;
    const [namespace, links] = [folder.namespacePath(name), [outsideLink(topology, index + 1)]];
    plugIn({ namespace, switchNamespace, name, topology, links });
    setDefaultRoutes(namespace, topology, links);
  }
}

/** Makes the namespace in which bridges join the hosts. No link of it is in the machine's own namespace. */
export function makeSwitch(namespace: string, topology: Topology = flat(0)): void {
  createNamespace(namespace);
  using netlink = Netlink.open({ namespace });
  netlink.setLink('lo', { up: true });
  for (const subnet of topology.subnets) {
    const name = bridgeOf(topology, subnet);
    netlink.addBridge({ name, up: true });
    if (subnet.routed) setAddresses(netlink, name, gatewayOf(topology, subnet));
  }
  if (topology.subnets.filter(({ routed }) => routed).length < 2) return;
  sysctl('net/ipv4/conf/all/rp_filter', 1, { namespace });
  forwardPackets(namespace);
}

/** Makes a host's namespace with its links, eth0 and on, to its switches; routers are its default gateways, that of its first link before others. */
export function makeHostNetwork(options: {
  namespace: string;
  switchNamespace: string;
  name: string;
  index: number;
  topology?: Topology;
}): void {
  const topology = options.topology ?? flat(options.index);
  const links = hostLinks(topology, options.index);
  plugIn({ ...options, topology, links });
  setDefaultRoutes(options.namespace, topology, links);
  for (const [index, { subnet }] of links.entries()) {
    if (subnet.lossPercent !== undefined) loseFrames(options.switchNamespace, portOf(options.name, index), subnet.lossPercent);
    if (subnet.rateMbit !== undefined) slowDown(options.namespace, `eth${index}`, subnet.rateMbit);
  }
}

/** What leaves by a link. */
function slowDown(namespace: string, link: string, rateMbit: number): void {
  const tc = ['qdisc', 'add', 'dev', link, 'root', 'tbf', 'rate', `${rateMbit}mbit`, 'burst', '32kb', 'latency', '100ms'];
  inNamespace(namespace, () => execFileSync('tc', tc));
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

/** The switch's end of a machine's link. @param index of the link, from 0 */
export const portOf = (name: string, index: number): string => (index === 0 ? name : `${name}-eth${index}`);

function plugIn(machine: {
  namespace: string;
  switchNamespace: string;
  name: string;
  topology: Topology;
  links: readonly PlacedLink[];
}): void {
  createNamespace(machine.namespace);
  using switchSide = Netlink.open({ namespace: machine.switchNamespace });
  using namespace = openNamespace(machine.namespace);
  using inside = Netlink.open({ namespace });
  inside.setLink('lo', { up: true });
  for (const [index, { subnet, addresses }] of machine.links.entries()) {
    const [port, name] = [portOf(machine.name, index), `eth${index}`];
    switchSide.addVeth({ name: port, up: true, peer: { name, namespace } });
    switchSide.setLink(port, { master: bridgeOf(machine.topology, subnet) });
    inside.setLink(name, { up: true });
    setAddresses(inside, name, addresses);
  }
}

function setAddresses(netlink: Netlink, link: string, { ipv4, ipv6 }: PlacedLink['addresses']): void {
  if (ipv4 !== undefined) netlink.addAddress(link, ipv4);
  if (ipv6 !== undefined) netlink.addAddress(link, ipv6, { noDad: true });
}

function setOwnAddresses(namespace: string, { ipv4, ipv6 }: NonNullable<Router['loopback']>): void {
  using netlink = Netlink.open({ namespace });
  setAddresses(netlink, 'lo', { ipv4: `${ipv4}/32`, ipv6: `${ipv6}/128` });
}

function setDefaultRoutes(namespace: string, topology: Topology, links: readonly PlacedLink[]): void {
  using netlink = Netlink.open({ namespace });
  for (const [index, { subnet }] of links.entries()) {
    const { ipv4, ipv6 } = gatewayOf(topology, subnet);
    const way = { link: `eth${index}`, ...(index > 0 && { metric: LATER_DEFAULTS + index }) };
    if (ipv4 !== undefined) netlink.addRoute({ destination: '0.0.0.0/0', via: plain(ipv4), ...way });
    if (ipv6 !== undefined) netlink.addRoute({ destination: '::/0', via: plain(ipv6), ...way });
  }
}

/** Flows of one pair of addresses take different ways, as in a fabric. */
function spreadFlows(namespace: string): void {
  for (const version of ['ipv4', 'ipv6']) sysctl(`net/${version}/fib_multipath_hash_policy`, 1, { namespace });
}

function forwardPackets(namespace: string): void {
  sysctl('net/ipv4/ip_forward', 1, { namespace });
  sysctl('net/ipv6/conf/all/forwarding', 1, { namespace });
}
