/** Which routes a host needs, to reach the containers of all the others. Pure. */
import type { Route } from '@weir/kernel';
import { type Block, familyOf, type Host } from '@weir/resources';
import { ROUTE_PROTOCOL } from './addresses.ts';

export interface RoutingState {
  /** Name of this host. */
  self: string;
  hosts: Iterable<Host>;
  blocks: Iterable<Block>;
}

/** A route to a block. `problem` says why it cannot lead to the block's host, and is reported. */
export interface BlockRoute extends Route {
  type: 'unicast' | 'blackhole' | 'unreachable';
  problem?: string;
}

/** Above the default of either family, so that a container's own route wins also where a block is a single address (/32, /128). */
const LAST_RESORT = 65535;

/**
 * The routes, by destination:
 * - to another host's block: by that host's first address of the block's family, which must be on a link of ours;
 * - own block: a blackhole. Containers have longer prefixes; what remains is addressed to nobody, and would otherwise leave by the default
 *   route, to be sent back here, round and round;
 * - a block whose host cannot be reached in its family: unreachable, so that the sender hears of it at once, for the same reason.
 */
export function desiredRoutes({ self, hosts, blocks }: RoutingState): Map<string, BlockRoute> {
  const byName = new Map([...hosts].map((host) => [host.metadata.name, host]));
  const routes = new Map<string, BlockRoute>();
  for (const { spec } of blocks)
    routes.set(spec.cidr, { destination: spec.cidr, protocol: ROUTE_PROTOCOL, ...towards(spec.cidr, spec.host) });
  return routes;

  function towards(cidr: string, owner: string): Pick<BlockRoute, 'type' | 'via' | 'metric' | 'problem'> {
    if (owner === self) return { type: 'blackhole', metric: LAST_RESORT };
    const family = familyOf(cidr);
    const host = byName.get(owner);
    const via = host?.spec.addresses.find((address) => familyOf(address) === family);
    if (via !== undefined) return { type: 'unicast', via };
    return { type: 'unreachable', problem: host ? `host "${owner}" has no ${family} address` : `host "${owner}" is not known` };
  }
}
