/** How a packet gets from one end to the other: which hosts, and what carries it between them. */
import { cidrContains, type Host } from '@weir/resources';
import { type BlockRoute, desiredRoutes } from '@weir/routing';
import type { FlowEnd } from './flow-end.ts';
import { isOfPool } from './host-ends.ts';
import { objectsOf, type PolicyState } from './policy-state.ts';

export interface Way {
  /** Host of the source, or the source itself; absent if it is neither an endpoint nor a host. */
  from?: string;
  /** As `from`, of the destination. */
  to?: string;
  /**
   * - `local`: both ends are on one host.
   * - `native`: by a route to the other host, `via` its address.
   * - `vxlan`: in VXLAN packets to that host.
   * - `bgp`: by a route that BGP tells the host of.
   * - `flannel`: as flannel leads to the lease of the other host.
   * - `foreign`: by the network that the address is of, whose routes are somebody else's.
   * - `underlay`: to an address of the other host itself, by the network between the hosts.
   * - `outside`: one end is no endpoint; what leads there is not Weir's.
   * - `none`: no route leads there; `problem` says why.
   */
  by: 'local' | 'native' | 'vxlan' | 'bgp' | 'flannel' | 'foreign' | 'underlay' | 'outside' | 'none';
  via?: string;
  problem?: string;
  /** The source leaves under the address of its host. */
  natOutgoing?: boolean;
}

/** The routes of a host, the most exact first. */
export type RoutesFrom = (host: string) => readonly BlockRoute[];

/** Each host's are worked out once. */
export function routesFrom(state: PolicyState): RoutesFrom {
  const known = new Map<string, readonly BlockRoute[]>();
  return (self) => {
    const found = known.get(self) ?? routesOf(self, state);
    known.set(self, found);
    return found;
  };
}

export function wayBetween(from: FlowEnd, to: FlowEnd, state: PolicyState, routes: RoutesFrom = routesFrom(state)): Way {
  const [source, destination] = [from, to].map(({ host, endpoint }) => host ?? endpoint?.spec.host);
  const hosts = { ...(source !== undefined && { from: source }), ...(destination !== undefined && { to: destination }) };
  if (source !== undefined && source === destination) return { ...hosts, by: 'local' };
  const isUnderlay = to.host !== undefined && source !== undefined && !isOfPool(to.address, state);
  if (isUnderlay || source === undefined || destination === undefined) {
    const natOutgoing = from.endpoint !== undefined && leavesUnderHost(from.address, to.address, state);
    return { ...hosts, by: isUnderlay ? 'underlay' : 'outside', ...(natOutgoing && { natOutgoing }) };
  }
  return { ...hosts, ...(byOthers(source, to.address, state) ?? routed(routes(source), to.address)) };
}

/** Where the routes to an address are not of Weir's making; undefined where they are. */
function byOthers(source: string, destination: string, state: PolicyState): Pick<Way, 'by'> | undefined {
  const pool = objectsOf(state, 'Pool').find(({ spec }) => cidrContains(spec.cidr, destination));
  // Its block may outlive its pool, and routes to it with it.
  const hasBlock = objectsOf(state, 'Block').some(({ spec }) => cidrContains(spec.cidr, destination));
  if (pool === undefined) return hasBlock ? undefined : { by: 'foreign' };
  switch (pool.spec.routes) {
    case 'Blocks':
      return undefined;
    case 'None':
      return { by: 'foreign' };
    case 'Bgp':
      return { by: 'bgp' };
    case 'Flannel':
      return isInFlannel(source, state) ? { by: 'flannel' } : undefined;
  }
}

/** Whether leases lead from there to the hosts of a flannel network: it has joined, or runs a flanneld. */
function isInFlannel(host: string, state: PolicyState): boolean {
  const hasLease = objectsOf(state, 'Host').some(({ metadata, spec }) => metadata.name === host && spec.flannel !== undefined);
  return hasLease || state.flanneldHosts?.has(host) === true;
}

function routesOf(self: string, state: PolicyState): BlockRoute[] {
  const hosts = objectsOf(state, 'Host');
  const own: Host | undefined = hosts.find(({ metadata }) => metadata.name === self);
  const end = own?.spec.vxlan;
  const { routes } = desiredRoutes({
    self,
    hosts,
    blocks: objectsOf(state, 'Block'),
    pools: objectsOf(state, 'Pool'),
    hasFlanneld: state.flanneldHosts?.has(self) ?? false,
    ...(end !== undefined && { tunnel: { ...end, link: 0 } }),
  });
  return [...routes.values()]
    .filter((route) => route.destination !== undefined)
    .sort((left, right) => prefixLength(right.destination!) - prefixLength(left.destination!));
}

function routed(routes: readonly BlockRoute[], destination: string): Pick<Way, 'by' | 'via' | 'problem'> {
  const route = routes.find((candidate) => cidrContains(candidate.destination!, destination));
  if (route === undefined) return { by: 'none', problem: `${destination} is in no block of another host that is routed to` };
  const problem = route.problem !== undefined && { problem: route.problem };
  if (route.type !== 'unicast') return { by: 'none', ...problem };
  return { by: route.onLink ? 'vxlan' : 'native', ...(route.via !== undefined && { via: route.via }), ...problem };
}

function leavesUnderHost(source: string, destination: string, state: PolicyState): boolean {
  const pools = objectsOf(state, 'Pool').map(({ spec }) => spec);
  if (objectsOf(state, 'RemoteCluster').some(({ spec }) => spec.cidrs.some((cidr) => cidrContains(cidr, destination)))) return false;
  const isIn = (address: string) => pools.filter(({ cidr }) => cidrContains(cidr, address));
  return isIn(source).some(({ natOutgoing }) => natOutgoing) && isIn(destination).length === 0;
}

const prefixLength = (cidr: string): number => Number(cidr.slice(cidr.indexOf('/') + 1));

/** `h1 to h2, in VXLAN packets to 10.0.0.2`. */
export function wayText({ from, to, by, via, problem, natOutgoing }: Way): string {
  const hosts = `${from ?? 'outside'} to ${to ?? 'outside'}`;
  const texts: Record<Way['by'], string> = {
    local: `inside ${from}`,
    native: `${hosts}, by a route via ${via}`,
    vxlan: `${hosts}, in VXLAN packets via ${via}`,
    bgp: `${hosts}, by a route that BGP tells of`,
    flannel: `${hosts}, by flannel`,
    foreign: `${hosts}, by the network that the address is of: its routes are not Weir's`,
    underlay: `${hosts}, by the network between the hosts`,
    outside: from === undefined && to === undefined ? 'no end is an endpoint: Weir has no part in it' : hosts,
    none: `${hosts}: no route`,
  };
  const nat = natOutgoing ? `, under the address of ${from} (natOutgoing)` : '';
  return `${texts[by]}${nat}${problem === undefined ? '' : `; ${problem}`}`;
}
