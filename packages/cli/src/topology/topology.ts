/** How the cluster hangs together: subnets with their hosts, what these have, and how packets get from one to another. Pure. */
import { type Block, type Endpoint, familyOf, type Host, type Pool } from '@weir/resources';
import { type BgpSessionStatus, desiredRoutes } from '@weir/routing';
import type { AgentPresence } from '../node/presence.ts';
import { compareAddresses } from '../output/address-order.ts';

export type Mode = 'native' | 'vxlan' | 'bgp' | 'flannel';

/** In the order in which they are told. */
export const MODES: readonly Mode[] = ['native', 'vxlan', 'bgp', 'flannel'];

export interface Topology {
  racks: Rack[];
  /** Pools by mode, of packets between hosts of one subnet, and between hosts of several. */
  within: Ways;
  between: Ways;
  /** BGP peers that are no hosts of the cluster. */
  routers: Router[];
}

export type Ways = Partial<Record<Mode, string[]>>;

/** Hosts that share a link, as far as the prefixes of their addresses tell. */
export interface Rack {
  /** CIDRs; none: their hosts have told of none. */
  subnets: string[];
  hosts: HostNode[];
}

export interface HostNode {
  name: string;
  addresses: string[];
  state: 'up' | 'degraded' | 'down';
  problems: string[];
  endpoints: number;
  pools: { pool: string; blocks: string[]; used: number }[];
  flannel: string[];
  sessions: Session[];
}

export interface Session {
  peer: string;
  address: string;
  asNumber: number;
  isUp: boolean;
  state: string;
}

export interface Router {
  address: string;
  /** As the BgpPeer objects call it. */
  name: string;
  asNumber: number;
}

export interface TopologyObjects {
  hosts: readonly Host[];
  pools: readonly Pool[];
  blocks: readonly Block[];
  endpoints: readonly Endpoint[];
  agents: ReadonlyMap<string, AgentPresence>;
}

export function topologyOf(objects: TopologyObjects): Topology {
  const { hosts, agents } = objects;
  const racks = racksOf(hosts).map(
    ({ subnets, hosts: members }): Rack => ({ subnets, hosts: members.map((host) => nodeOf(host, objects)) }),
  );
  const rackOf = new Map(racks.flatMap((rack) => rack.hosts.map(({ name }) => [name, rack] as const)));
  const own = new Set(hosts.flatMap(({ spec }) => spec.addresses));
  const routers = new Map<string, Router>();
  for (const { bgp = [] } of agents.values())
    for (const { address, peer, asNumber } of bgp) if (!own.has(address)) routers.set(address, { address, name: peer, asNumber });
  return {
    racks,
    ...waysOf(objects, (one, other) => rackOf.get(one) === rackOf.get(other) && rackOf.get(one)!.subnets.length > 0),
    routers: [...routers.values()].sort((one, other) => compareAddresses(one.address, other.address)),
  };
}

/** Hosts that have a subnet in common, by way of others too, and last those that have told of none. In the order of their subnets, hosts by name. */
function racksOf(hosts: readonly Host[]): { subnets: string[]; hosts: Host[] }[] {
  const racks: { subnets: Set<string>; hosts: Host[] }[] = [];
  for (const host of [...hosts].sort(byName)) {
    const isTold = host.spec.subnets.length > 0;
    const touching = racks.filter(({ subnets }) => (isTold ? host.spec.subnets.some((subnet) => subnets.has(subnet)) : subnets.size === 0));
    const [first = { subnets: new Set<string>(), hosts: [] }, ...rest] = touching;
    if (touching.length === 0) racks.push(first);
    for (const rack of rest) {
      racks.splice(racks.indexOf(rack), 1);
      first.hosts.push(...rack.hosts);
      for (const subnet of rack.subnets) first.subnets.add(subnet);
    }
    first.hosts.push(host);
    for (const subnet of host.spec.subnets) first.subnets.add(subnet);
  }
  return racks
    .map(({ subnets, hosts: members }) => ({ subnets: [...subnets].sort(compareAddresses), hosts: members.sort(byName) }))
    .sort((one, other) => {
      const [left, right] = [one.subnets[0], other.subnets[0]];
      if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
      return compareAddresses(left, right);
    });
}

const byName = (one: Host, other: Host): number => one.metadata.name.localeCompare(other.metadata.name, 'en', { numeric: true });

function nodeOf({ metadata: { name }, spec }: Host, { blocks, endpoints, agents }: TopologyObjects): HostNode {
  const agent = agents.get(name);
  const problems = agent?.problems ?? [];
  const own = blocks.filter((block) => block.spec.host === name);
  const pools = [...new Set(own.map((block) => block.spec.pool))].sort().map((pool) => {
    const ofPool = own.filter((block) => block.spec.pool === pool);
    const used = ofPool.reduce((sum, block) => sum + Object.keys(block.spec.allocations).length, 0);
    return { pool, blocks: ofPool.map((block) => block.spec.cidr).sort(compareAddresses), used };
  });
  return {
    name,
    addresses: [...spec.addresses].sort((one, other) => familyOf(one).localeCompare(familyOf(other))),
    state: agent === undefined ? 'down' : problems.length > 0 ? 'degraded' : 'up',
    problems,
    endpoints: endpoints.filter((endpoint) => endpoint.spec.host === name).length,
    pools,
    flannel: spec.flannel?.subnets ?? [],
    sessions: (agent?.bgp ?? []).map(sessionOf),
  };
}

function sessionOf({ peer, address, asNumber, state }: BgpSessionStatus): Session {
  return { peer, address, asNumber, isUp: state === 'Established', state };
}

/** As the hosts' routes go, so that a tunnel that is not there yet is no tunnel. */
function waysOf(objects: TopologyObjects, isNear: (one: string, other: string) => boolean): Pick<Topology, 'within' | 'between'> {
  const { hosts, pools, blocks, agents } = objects;
  const specs = new Map(pools.map(({ metadata, spec }) => [metadata.name, spec]));
  const found = { within: new Map<Mode, Set<string>>(), between: new Map<Mode, Set<string>>() };
  for (const { metadata, spec } of hosts) {
    const self = metadata.name;
    const tunnel = spec.vxlan && { ...spec.vxlan, link: 0 };
    const { routes } = desiredRoutes({
      self,
      hosts,
      pools,
      blocks,
      hasFlanneld: agents.get(self)?.flanneld ?? false,
      ...(tunnel && { tunnel }),
    });
    for (const { spec: block } of blocks) {
      const pool = specs.get(block.pool);
      if (block.host === self || block.network !== undefined || pool === undefined || pool.routes === 'None') continue;
      const route = routes.get(block.cidr);
      const mode = pool.routes === 'Bgp' ? 'bgp' : route === undefined ? 'flannel' : route.onLink ? 'vxlan' : 'native';
      if (mode === 'native' && route?.type !== 'unicast') continue;
      const ways = found[isNear(self, block.host) ? 'within' : 'between'];
      ways.set(mode, (ways.get(mode) ?? new Set()).add(block.pool));
    }
  }
  return { within: inOrder(found.within), between: inOrder(found.between) };
}

function inOrder(ways: ReadonlyMap<Mode, ReadonlySet<string>>): Ways {
  return Object.fromEntries(MODES.flatMap((mode) => (ways.has(mode) ? [[mode, [...ways.get(mode)!].sort()]] : [])));
}

/** `native: tasks, public; vxlan: far` */
export function waysText(ways: Ways): string {
  return Object.entries(ways)
    .map(([mode, pools]) => `${mode}: ${pools.join(', ')}`)
    .join('; ');
}

/** `subnet 192.0.2.0/24, 2001:db8::/64` */
export const rackTitle = ({ subnets }: Rack): string => (subnets.length === 0 ? 'no subnet told' : subnets.join(', '));
