/** How a packet gets from one end to the other: which hosts, and what carries it between them. */
import { cidrContains, type Host } from '@weir/resources';
import { desiredRoutes } from '@weir/routing';
import type { FlowEnd } from './flow-end.ts';
import { objectsOf, type PolicyState } from './policy-state.ts';

export interface Way {
  /** Host of the source; absent if it is no endpoint. */
  from?: string;
  /** Host of the destination; absent if it is no endpoint. */
  to?: string;
  /**
   * - `local`: both ends are on one host.
   * - `native`: by a route to the other host, `via` its address.
   * - `vxlan`: in VXLAN packets to that host.
   * - `outside`: one end is no endpoint; what leads there is not Weir's.
   * - `none`: no route leads there; `problem` says why.
   */
  by: 'local' | 'native' | 'vxlan' | 'outside' | 'none';
  via?: string;
  problem?: string;
  /** The source leaves under the address of its host. */
  natOutgoing?: boolean;
}

export function wayBetween(from: FlowEnd, to: FlowEnd, state: PolicyState): Way {
  const [source, destination] = [from.endpoint?.spec.host, to.endpoint?.spec.host];
  const hosts = { ...(source !== undefined && { from: source }), ...(destination !== undefined && { to: destination }) };
  if (source === undefined || destination === undefined) {
    const natOutgoing = source !== undefined && leavesUnderHost(from.address, to.address, state);
    return { ...hosts, by: 'outside', ...(natOutgoing && { natOutgoing }) };
  }
  if (source === destination) return { ...hosts, by: 'local' };
  return { ...hosts, ...routed(source, to.address, state) };
}

function routed(self: string, destination: string, state: PolicyState): Pick<Way, 'by' | 'via' | 'problem'> {
  const hosts = objectsOf(state, 'Host');
  const own: Host | undefined = hosts.find(({ metadata }) => metadata.name === self);
  const end = own?.spec.vxlan;
  const { routes } = desiredRoutes({
    self,
    hosts,
    blocks: objectsOf(state, 'Block'),
    pools: objectsOf(state, 'Pool'),
    ...(end !== undefined && { tunnel: { ...end, link: 0 } }),
  });
  const [route] = [...routes.values()]
    .filter((candidate) => candidate.destination !== undefined && cidrContains(candidate.destination, destination))
    .sort((left, right) => prefixLength(right.destination!) - prefixLength(left.destination!));
  if (route === undefined) return { by: 'none', problem: `${destination} is in no block of another host that is routed to` };
  const problem = route.problem !== undefined && { problem: route.problem };
  if (route.type !== 'unicast') return { by: 'none', ...problem };
  return { by: route.onLink ? 'vxlan' : 'native', ...(route.via !== undefined && { via: route.via }), ...problem };
}

function leavesUnderHost(source: string, destination: string, state: PolicyState): boolean {
  const pools = objectsOf(state, 'Pool').map(({ spec }) => spec);
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
    outside: from === undefined && to === undefined ? 'no end is an endpoint: Weir has no part in it' : hosts,
    none: `${hosts}: no route`,
  };
  const nat = natOutgoing ? `, under the address of ${from} (natOutgoing)` : '';
  return `${texts[by]}${nat}${problem === undefined ? '' : `; ${problem}`}`;
}
