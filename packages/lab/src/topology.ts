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
  /** How much a host gets through its link to the switch, in Mbit/s; what is more waits. */
  rateMbit?: number;
}

/** A router with a namespace of its own, which has its name; `switch` is the one that the routed subnets have in common. It knows its own subnets alone, whatever it is told later. */
export interface Router {
  name: string;
  /** Those that it joins, by name: its links eth0, eth1, … */
  subnets: readonly string[];
  /** Its own, on its loopback; plain. */
  loopback?: { ipv4: string; ipv6: string };
}

export interface Topology {
  subnets: readonly Subnet[];
  /** The subnet that each host is in, by name, from the first host on; or several, with a link to each: eth0, eth1, … */
  hosts: readonly (string | readonly string[])[];
  routers?: readonly Router[];
  /** The subnet of each machine that is no host: the namespaces outside-1, outside-2, … */
  outside?: readonly string[];
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

/** Two racks of which one is slow and loses one frame in twenty. */
export const LOSSY_RACK: Topology = {
  subnets: [RACK_1, { ...RACK_2, lossPercent: 5, rateMbit: 20 }],
  hosts: ['rack-1', 'rack-2', 'rack-2'],
};

/** Two racks whose hosts have IPv6 addresses alone. */
export const IPV6_ONLY: Topology = {
  subnets: [RACK_1, RACK_2].map(({ ipv4: _, ...subnet }) => subnet),
  hosts: ['rack-1', 'rack-1', 'rack-2'],
};

/** Two hosts, each with a link to either of two top-of-rack routers, and a machine behind these. */
export const DUAL_HOMED: Topology = {
  subnets: [RACK_1, RACK_2, RACK_3].map((subnet) => ({ ...subnet, routed: false })),
  routers: [
    { name: 'tor-1', subnets: ['rack-1', 'rack-3'] },
    { name: 'tor-2', subnets: ['rack-2', 'rack-3'] },
  ],
  hosts: [
    ['rack-1', 'rack-2'],
    ['rack-1', 'rack-2'],
  ],
  outside: ['rack-3'],
};

/** Somebody behind the routers of `TWO_UPLINKS`. */
export const OUTSIDE = { ipv4: '203.0.113.100', ipv6: '2001:db8:f::100' };

/**
 * A rack of three hosts, each with a link of its own to either of two top-of-rack routers, and a router behind these that has addresses for
 * everybody: nobody knows of them unless a routing protocol tells. Addresses between routers are of the range for benchmarks, RFC 2544.
 */
export const TWO_UPLINKS: Topology = {
  subnets: [
    RACK_1,
    ...[1, 2].map((index) => ({ name: `to-tor-${index}`, ipv4: `198.18.${index}.0/24`, ipv6: `2001:db8:a${index}::/64`, routed: false })),
    ...[1, 2].map((index) => ({ name: `behind-${index}`, ipv4: `198.19.${index}.0/24`, ipv6: `2001:db8:e${index}::/64`, routed: false })),
  ],
  routers: [
    { name: 'tor-1', subnets: ['to-tor-1', 'behind-1'] },
    { name: 'tor-2', subnets: ['to-tor-2', 'behind-2'] },
    { name: 'outside', subnets: ['behind-1', 'behind-2'], loopback: OUTSIDE },
  ],
  hosts: Array.from({ length: 3 }, () => ['rack-1', 'to-tor-1', 'to-tor-2']),
};

interface Addresses {
  ipv4?: string;
  ipv6?: string;
}

/** Where a link leads, and the addresses on it. */
export interface PlacedLink {
  subnet: Subnet;
  /** Each with its prefix length. */
  addresses: Addresses;
}

/** The first link of a host. @param index of the host, from 1: its addresses end in .11 or ::11 and on */
export const hostLink = (topology: Topology, index: number): PlacedLink => hostLinks(topology, index)[0]!;

export function hostLinks(topology: Topology, index: number): PlacedLink[] {
  const names = [topology.hosts[index - 1] ?? []].flat();
  if (names.length === 0) throw new TypeError(`host ${index} is in no subnet`);
  return names.map((name) => placedLink(topology, name, `host ${index}`, 10 + index));
}

/** @param index of the machine, from 1: its addresses end in .101 or ::101 and on */
export function outsideLink(topology: Topology, index: number): PlacedLink {
  return placedLink(topology, topology.outside?.[index - 1], `outside-${index}`, 100 + index);
}

/** In a subnet the routers count from .1 or ::1; the common one, where there is one, is the first. */
export function routerLinks(topology: Topology, { name, subnets }: Router): PlacedLink[] {
  return subnets.map((subnet) => {
    const { routed } = subnetOf(topology, subnet, name);
    const before = topology.routers?.filter((router) => router.subnets.includes(subnet)).findIndex((router) => router.name === name);
    return placedLink(topology, subnet, name, 1 + (before ?? 0) + (routed ? 1 : 0));
  });
}

/** The addresses of a subnet's first router: .1 and ::1, each with its prefix length; none where there is no router. */
export function gatewayOf({ routers = [] }: Pick<Topology, 'routers'>, subnet: Subnet): Addresses {
  return subnet.routed || routers.some(({ subnets }) => subnets.includes(subnet.name)) ? inSubnet(subnet, 1) : {};
}

function placedLink(topology: Topology, subnetName: string | undefined, who: string, place: number): PlacedLink {
  const subnet = subnetOf(topology, subnetName, who);
  return { subnet, addresses: inSubnet(subnet, place) };
}

function subnetOf({ subnets }: Topology, subnetName: string | undefined, who: string): Subnet {
  const subnet = subnets.find(({ name }) => name === subnetName);
  if (subnet === undefined) throw new TypeError(`${who} is in subnet ${subnetName}, which the topology has not`);
  return subnet;
}

/** As people count: host 11 of an IPv6 subnet is ::11. */
function inSubnet({ ipv4, ipv6 }: Subnet, host: number): Addresses {
  const place = (cidr: string, offset: number) => {
    const { first, prefixLength } = cidrRange(cidr);
    return `${addressFromNumber(first + BigInt(offset), familyOf(cidr))}/${prefixLength}`;
  };
  return {
    ...(ipv4 !== undefined && { ipv4: place(ipv4, host) }),
    ...(ipv6 !== undefined && { ipv6: place(ipv6, Number.parseInt(String(host), 16)) }),
  };
}
