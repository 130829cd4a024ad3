/** A VXLAN link of this host: made, kept as it is wanted, removed. One link serves all peers, and Weir's own both families of inner packets. */
import { existsSync } from 'node:fs';
import { KernelError, type Link, type Netlink, sysctl } from '@weir/kernel';
import type { VxlanEnd } from '@weir/resources';
import { hostPrefix } from '../addresses.ts';
import { RoutingError } from '../routing-error.ts';

/** What the link is to be. */
export interface TunnelDevice extends VxlanEnd {
  name: string;
  /** In bytes. */
  mtu: number;
  /** Where an operator sets VNI and port, for errors: `"vxlan" of agent.yaml, on all hosts`. */
  setting: string;
}

/**
 * Makes the link what is wanted; nothing happens to one that is so already. What of it cannot be changed has the link made anew.
 *
 * @returns its index, and what had to be done
 * @throws RoutingError ETUNNEL that says why there can be no such link
 */
export function ensureTunnelDevice(netlink: Netlink, wanted: TunnelDevice): { link: number; done: string[] } {
  const done: string[] = [];
  let present = netlink.link(wanted.name);
  if (present !== undefined && present.kind !== 'vxlan')
    throw new RoutingError('ETUNNEL', `an interface ${wanted.name} is there that is no VXLAN link: rename or remove it`);
  if (present !== undefined && !isEnd(present, wanted)) {
    netlink.deleteLink(present.index);
    done.push('made anew');
    present = undefined;
  } else if (present === undefined) done.push('made');
  try {
    present ??= makeLink(netlink, wanted);
    const rpFilter = pathFilter();
    if (present.ipv4Conf?.rpFilter !== rpFilter) netlink.setLink(present.index, { ipv4Conf: { rpFilter } });
    const change = { ...(present.mtu !== wanted.mtu && { mtu: wanted.mtu }), ...(!present.up && { up: true }) };
    if (Object.keys(change).length > 0) {
      netlink.setLink(present.index, change);
      if (done.length === 0) done.push(...Object.entries(change).map(([name, value]) => `${name} set to ${value}`));
    }
  } catch (error) {
    throw explained(netlink, wanted, error);
  }
  return { link: present.index, done: [...done, ...ensureAddresses(netlink, present.index, wanted.tunnelAddresses)] };
}

/** Removes the link, and with it the addresses, routes and peers on it. @returns whether there was one */
export function removeTunnelDevice(netlink: Netlink, name: string): boolean {
  if (netlink.link(name)?.kind !== 'vxlan') return false;
  netlink.deleteLink(name);
  return true;
}

function isEnd({ vxlan, mac }: Link, wanted: VxlanEnd): boolean {
  return vxlan?.id === wanted.vni && vxlan.port === wanted.port && vxlan.local === wanted.address && !vxlan.learning && mac === wanted.mac;
}

function makeLink(netlink: Netlink, { name, vni, port, address, mac, mtu }: TunnelDevice): Link {
  netlink.addVxlan({ name, id: vni, port, local: address, mac, mtu });
  if (existsSync('/proc/net/if_inet6')) netlink.setLink(name, { ipv6AddressGeneration: 'none' });
  return netlink.link(name)!;
}

/**
 * While hosts change one after the other from one form to the other, answers may come in another form than questions went. So a host's strict
 * filter has to be loose here, and the greater of the two holds; else there is none, since even the loose one looks up a route for each packet.
 */
function pathFilter(): 0 | 2 {
  return sysctl('net/ipv4/conf/all/rp_filter') === '1' ? 2 : 0;
}

function ensureAddresses(netlink: Netlink, link: number, addresses: readonly string[]): string[] {
  const wanted = new Set(addresses.map(hostPrefix));
  const present = new Set(
    netlink
      .addresses({ link })
      .filter(({ scope }) => scope === 'global')
      .map(({ cidr }) => cidr),
  );
  const missing = [...wanted.difference(present)];
  const surplus = [...present.difference(wanted)];
  for (const cidr of missing) netlink.replaceAddress(link, cidr, { noDad: cidr.includes(':') });
  for (const cidr of surplus) netlink.deleteAddress(link, cidr);
  return [...missing.map((cidr) => `address ${cidr} set`), ...surplus.map((cidr) => `address ${cidr} removed`)];
}

function explained(netlink: Netlink, { vni, port, address, setting }: TunnelDevice, error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  const refuse = (message: string) => new RoutingError('ETUNNEL', message, { cause: error });
  if (error.code === 'EOPNOTSUPP') return refuse('the kernel has no VXLAN: load or build its module vxlan');
  if (error.code === 'EEXIST') {
    const other = netlink.links().find((link) => link.vxlan?.id === vni && link.vxlan.port === port);
    return refuse(`VNI ${vni} on port ${port} is taken by interface ${other?.name ?? 'of another namespace'}: set ${setting}`);
  }
  if (error.code === 'EADDRINUSE') return refuse(`UDP port ${port} is in use on this host: free it, or set ${setting}`);
  return refuse(`no VXLAN link at ${address}: ${error.message}`);
}
