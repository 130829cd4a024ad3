/** The network between the hosts of a lab, as data. Addresses are for documentation: RFC 5737 and RFC 3849. */
import { addressFromNumber, cidrRange, familyOf } from '@weir/resources';

/** One link that hosts share. */
export interface Subnet {
  name: string;
  ipv4?: string;
  ipv6?: string;
  /**
   * Whether a router joins it to the other subnets that have one. It knows these subnets alone, and drops whatever comes from an address
   * that it has no way back to, as the fabric of a data centre does; so containers' own packets do not get through.
   */
  routed: boolean;
  /** Of a hundred frames between two of its hosts, how many get lost: 1 to 100. */
  lossPercent?: number;
}

export interface Topology {
  subnets: readonly Subnet[];
  /** The subnet that each host is in, by name, from the first host on. */
  hosts: readonly string[];
}

const RACK_1: Subnet = { name: 'rack-1', ipv4: '192.0.2.0/24', ipv6: '2001:db8::/64', routed: true };
const RACK_2: Subnet = { name: 'rack-2', ipv4: '198.51.100.0/24', ipv6: '2001:db8:2::/64', routed: true };
const RACK_3: Subnet = { name: 'rack-3', ipv4: '203.0.113.0/24', ipv6: '2001:db8:3::/64', routed: true };

/** All hosts on one switch. */
export const flat = (hosts: number): Topology => ({ subnets: [RACK_1], hosts: Array.from({ length: hosts }, () => 'rack-1') });

/** Two hosts in a rack, one in another, a router between. */
export const TWO_RACKS: Topology = { subnets: [RACK_1, RACK_2], hosts: ['rack-1', 'rack-1', 'rack-2'] };

/** Three hosts, each on a subnet of its own. */
export const THREE_SUBNETS: Topology = { subnets: [RACK_1, RACK_2, RACK_3], hosts: ['rack-1', 'rack-2', 'rack-3'] };

/** Two racks, and a host that no router leads to. */
export const ISOLATED_HOST: Topology = {
  subnets: [RACK_1, RACK_2, { ...RACK_3, routed: false }],
  hosts: ['rack-1', 'rack-2', 'rack-3'],
};

/** Two racks whose hosts have IPv6 addresses alone. */
export const IPV6_ONLY: Topology = {
  subnets: [RACK_1, RACK_2].map(({ ipv4: _, ...subnet }) => subnet),
  hosts: ['rack-1', 'rack-1', 'rack-2'],
};

/** Where a host's one link leads, and its addresses there. */
export interface HostLink {
  subnet: Subnet;
  /** Addresses, each with its prefix length. */
  addresses: { ipv4?: string; ipv6?: string };
}

/** @param index of the host, from 1: its addresses end in .11 or ::11 and on */
export function hostLink({ subnets, hosts }: Topology, index: number): HostLink {
  const subnet = subnets.find(({ name }) => name === hosts[index - 1]);
  if (subnet === undefined) throw new TypeError(`host ${index} is in subnet ${hosts[index - 1]}, which the topology has not`);
  return { subnet, addresses: inSubnet(subnet, 10 + index) };
}

/** The router's addresses in a subnet: .1 and ::1, each with its prefix length. */
export const gatewayOf = (subnet: Subnet): { ipv4?: string; ipv6?: string } => inSubnet(subnet, 1);

/** As people count: host 11 of an IPv6 subnet is ::11. */
function inSubnet({ ipv4, ipv6 }: Subnet, host: number): { ipv4?: string; ipv6?: string } {
  const place = (cidr: string, offset: number) => {
    const { first, prefixLength } = cidrRange(cidr);
    return `${addressFromNumber(first + BigInt(offset), familyOf(cidr))}/${prefixLength}`;
  };
  return {
    ...(ipv4 !== undefined && { ipv4: place(ipv4, host) }),
    ...(ipv6 !== undefined && { ipv6: place(ipv6, Number.parseInt(String(host), 16)) }),
  };
}
