/** Which routes a host needs, to reach the containers of all the others. Pure. */
import type { Route } from '@weir/kernel';
import {
  ADDRESS_BITS,
  type AnyObject,
  type Block,
  type BlockSpec,
  cidrContains,
  type Family,
  familyOf,
  type Host,
  type Pool,
  serviceAddresses,
  type VxlanEnd,
  type VxlanMode,
} from '@weir/resources';
import { linkLocalAddress, ROUTE_PROTOCOL } from '../addresses.ts';
import { type TunnelPeer, tunnelGateway, tunnelProblem } from '../tunnel/tunnel.ts';

export interface RoutingState {
  /** Name of this host. */
  self: string;
  hosts: Iterable<Host>;
  blocks: Iterable<Block>;
  pools: Iterable<Pool>;
  /** This host's end of the tunnels with the index of its link; or why there is none. Needed only where a pool wants tunnels. */
  tunnel?: (VxlanEnd & { link: number }) | { problem: string };
  /** Names of hosts that are taken for dead. */
  dead?: ReadonlySet<string>;
  /** A flanneld looks after this host's part of the flannel network, which this host itself has not joined. */
  hasFlanneld?: boolean;
  /** Of pools whose routes are by BGP. */
  byBgp?: {
    /** Whether the kernel has a route of the routing daemon's to this destination. */
    isLearnt: (destination: string) => boolean;
    /** Whether a route of ours is there, from before the pool's routes were by BGP. */
    isThere: (destination: string) => boolean;
  };
}

/** A route to a block, or to an address that another host has of it. `problem` says why it does not lead there as it should, and is reported. */
export interface BlockRoute extends Route {
  type: 'unicast' | 'blackhole' | 'unreachable';
  problem?: string;
}

export interface Routing {
  /** By destination. */
  routes: Map<string, BlockRoute>;
  /** Ends of the tunnels that some of the routes take, by host. */
  peers: Map<string, TunnelPeer>;
}

type Way = Pick<BlockRoute, 'type' | 'via' | 'link' | 'onLink' | 'source' | 'metric' | 'problem'>;

/** Above the default of either family, so that a container's own route wins also where a block is a single address (/32, /128). */
export const LAST_RESORT = 65535;

/** So that the container's own route wins when the address comes to this host before the news that the other gave it back. */
const BORROWED = LAST_RESORT - 1;

/**
 * The routes:
 * - to another host's block: by that host's first address of the block's family, which must be on a link of ours, or of IPv6 where the two
 *   share no IPv4; or through the tunnel to that host, as its pool says. Until both ends of a tunnel are there, packets go without it;
 * - to an address that another host than the block's holds (borrowed, or asked for): by that host, all else as for a block;
 * - none to a block of a pool whose containers share a link, of a flannel network, or of one with its own address space;
 * - none to others' blocks of a pool whose routes are by BGP. One that is there stays until the daemon has its own, so that no packet meets a gap;
 * - own block: a blackhole. Containers have longer prefixes; what remains is addressed to nobody, and would otherwise leave by the default
 *   route, to be sent back here, round and round;
 * - a block whose host is dead or cannot be reached in its family: unreachable, so that the sender hears of it at once, for the same reason.
 */
export function desiredRoutes({ self, hosts, blocks, pools, tunnel, dead, hasFlanneld = false, byBgp }: RoutingState): Routing {
  const byName = new Map([...hosts].map((host) => [host.metadata.name, host]));
  const specs = new Map([...pools].map(({ metadata, spec }) => [metadata.name, spec]));
  const subnets = byName.get(self)?.spec.subnets ?? [];
  const own = byName.get(self)?.spec.addresses;
  const hasLeases = hasFlanneld || byName.get(self)?.spec.flannel !== undefined;
  const owners = ownersOfAddresses(byName.values());
  const routes = new Map<string, BlockRoute>();
  const peers = new Map<string, { mac: string; address: string; gateways: Set<string> }>();
  for (const { spec } of blocks) {
    // Such addresses mean nothing outside of their network.
    if (spec.network !== undefined) continue;
    const pool = specs.get(spec.pool);
    if (pool?.routes === 'None') continue;
    // Where this host is in the network leases lead. Of the own one, also of one that it had, a bridge of flannel's plugin may have all.
    if (pool?.routes === 'Flannel' && (hasLeases || spec.host === self)) continue;
    const mode = pool?.vxlan ?? 'Never';
    const isOthers = (destination: string) => pool?.routes === 'Bgp' && !(byBgp?.isThere(destination) && !byBgp.isLearnt(destination));
    if (spec.host === self || !isOthers(spec.cidr))
      routes.set(spec.cidr, { destination: spec.cidr, protocol: ROUTE_PROTOCOL, ...towards(spec.cidr, spec.host, mode) });
    for (const { address, host } of borrowedIn(spec)) {
      const destination = `${address}/${ADDRESS_BITS[familyOf(address)]}`;
      // To one that this host itself holds, the route of its container leads.
      if (host === self) routes.delete(destination);
      else if (!isOthers(destination))
        routes.set(destination, { destination, protocol: ROUTE_PROTOCOL, metric: BORROWED, ...towards(destination, host, mode) });
    }
  }
  return { routes, peers };

  function towards(cidr: string, owner: string, mode: VxlanMode): Way {
    if (owner === self) return { type: 'blackhole', metric: LAST_RESORT };
    const host = byName.get(owner);
    if (host === undefined) return { type: 'unreachable', problem: `host "${owner}" is not known` };
    if (dead?.has(owner)) return { type: 'unreachable', problem: `host "${owner}" gives no sign of life` };
    const family = familyOf(cidr);
    const address = nextHopTo(host, family);
    const isNear = address !== undefined && subnets.some((subnet) => cidrContains(subnet, address));
    if (mode === 'Never' || (mode === 'CrossSubnet' && isNear)) return directly(host, family, address);
    const problem = tunnel === undefined || 'problem' in tunnel ? tunnel?.problem : tunnelProblem(tunnel, host);
    if (tunnel === undefined || 'problem' in tunnel || problem !== undefined) {
      // Both ends take packets in either form, so this is how a flow goes on while the ends of tunnels come up one by one.
      const way = directly(host, family, address);
      return { ...way, problem: problem ?? 'this host has no end of a tunnel yet' };
    }
    return through(tunnel, host, family);
  }

  function nextHopTo({ spec: { addresses } }: Host, family: Family): string | undefined {
    const first = (of: readonly string[], wanted: Family) => of.find((address) => familyOf(address) === wanted);
    const have = (wanted: Family) => own === undefined || first(own, wanted) !== undefined;
    const same = first(addresses, family);
    if (family === 'IPv6' || (same !== undefined && have('IPv4')) || !have('IPv6')) return same;
    return first(addresses, 'IPv6') ?? same;
  }

  function directly({ metadata: { name } }: Host, family: Family, via: string | undefined): Way {
    if (via === undefined) return { type: 'unreachable', problem: `host "${name}" has no ${family} address` };
    return { type: 'unicast', via, ...claimedByOthers(via) };
  }

  /** Packets to such an address end at one of the hosts that have it, and nobody can tell at which. */
  function claimedByOthers(address: string): Pick<Way, 'problem'> {
    const claimants = owners.get(address) ?? [];
    if (claimants.length < 2) return {};
    return { problem: `hosts ${claimants.map((claimant) => `"${claimant}"`).join(' and ')} have one address, ${address}` };
  }

  function through(own: VxlanEnd & { link: number }, { metadata: { name }, spec }: Host, family: Family): Way {
    const end = spec.vxlan!;
    const claimed = claimedByOthers(end.address);
    // A hardware address is one host's alone: so the one whose address it is goes on.
    const via = claimed.problem === undefined ? tunnelGateway(end, family) : linkLocalAddress(end.mac);
    const peer = peers.get(name) ?? { mac: end.mac, address: end.address, gateways: new Set() };
    peer.gateways.add(via);
    peers.set(name, peer);
    // What this host sends itself has to be answered through the tunnel too: the network between need not know the way to a container.
    const source = own.tunnelAddresses.find((address) => familyOf(address) === family);
    return { type: 'unicast', via, link: own.link, onLink: true, ...(source !== undefined && { source }), ...claimed };
  }
}

function ownersOfAddresses(hosts: Iterable<Host>): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const { metadata, spec } of hosts) {
    for (const address of spec.addresses) owners.set(address, [...(owners.get(address) ?? []), metadata.name]);
  }
  return owners;
}

/** Whether the change of one object calls for other routes or tunnels. Most do not: an address of a block went to its own host. */
export function changesRoutes(before: AnyObject | undefined, after: AnyObject | undefined): boolean {
  return routedBy(before) !== routedBy(after);
}

function routedBy(object: AnyObject | undefined): string {
  switch (object?.kind) {
    case 'Block':
      if (object.spec.network !== undefined) return '';
      return JSON.stringify([object.spec.cidr, object.spec.host, object.spec.pool, borrowedIn(object.spec)]);
    case 'Host':
      return JSON.stringify([object.metadata.name, object.spec.addresses, object.spec.subnets, object.spec.vxlan, object.spec.flannel]);
    case 'Pool':
      return JSON.stringify([object.metadata.name, object.spec.cidr, object.spec.vxlan, object.spec.routes, object.spec.disabled]);
    case 'BgpConfig':
      return JSON.stringify(object.spec.serviceAddresses);
    case 'Service':
      return JSON.stringify(serviceAddresses(object));
    case 'IpamConfig':
      return JSON.stringify(object.spec.serviceRanges);
    default:
      return '';
  }
}

function borrowedIn({ host: owner, allocations }: BlockSpec): { address: string; host: string }[] {
  const borrowed = [];
  for (const address in allocations) {
    const { host } = allocations[address]!;
    if (host !== owner) borrowed.push({ address, host });
  }
  return borrowed;
}
