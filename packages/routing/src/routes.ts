/** Which routes a host needs, to reach the containers of all the others. Pure. */
import type { Route } from '@weir/kernel';
import { ADDRESS_BITS, type AnyObject, type Block, type BlockSpec, familyOf, type Host } from '@weir/resources';
import { ROUTE_PROTOCOL } from './addresses.ts';

export interface RoutingState {
  /** Name of this host. */
  self: string;
  hosts: Iterable<Host>;
  blocks: Iterable<Block>;
}

/** A route to a block, or to an address that another host has of it. `problem` says why it cannot lead to that host, and is reported. */
export interface BlockRoute extends Route {
  type: 'unicast' | 'blackhole' | 'unreachable';
  problem?: string;
}

/** Above the default of either family, so that a container's own route wins also where a block is a single address (/32, /128). */
const LAST_RESORT = 65535;

/** So that the container's own route wins when the address comes to this host before the news that the other gave it back. */
const BORROWED = LAST_RESORT - 1;

/**
 * The routes, by destination:
 * - to another host's block: by that host's first address of the block's family, which must be on a link of ours;
 * - to an address that another host than the block's holds (borrowed, or asked for): by that host, all else as for a block;
 * - own block: a blackhole. Containers have longer prefixes; what remains is addressed to nobody, and would otherwise leave by the default
 *   route, to be sent back here, round and round;
 * - a block whose host cannot be reached in its family: unreachable, so that the sender hears of it at once, for the same reason.
 */
export function desiredRoutes({ self, hosts, blocks }: RoutingState): Map<string, BlockRoute> {
  const byName = new Map([...hosts].map((host) => [host.metadata.name, host]));
  const routes = new Map<string, BlockRoute>();
  for (const { spec } of blocks) {
    routes.set(spec.cidr, { destination: spec.cidr, protocol: ROUTE_PROTOCOL, ...towards(spec.cidr, spec.host) });
    for (const { address, host } of borrowedIn(spec)) {
      const destination = `${address}/${ADDRESS_BITS[familyOf(address)]}`;
      // To one that this host itself holds, the route of its container leads.
      if (host === self) routes.delete(destination);
      else routes.set(destination, { destination, protocol: ROUTE_PROTOCOL, metric: BORROWED, ...towards(destination, host) });
    }
  }
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

/** Whether the change of one object calls for other routes to blocks. Most do not: an address of a block went to its own host. */
export function changesRoutes(before: AnyObject | undefined, after: AnyObject | undefined): boolean {
  return routedBy(before) !== routedBy(after);
}

const routedBy = (object: AnyObject | undefined): string =>
  object?.kind === 'Block' ? JSON.stringify([object.spec.cidr, object.spec.host, borrowedIn(object.spec)]) : '';

function borrowedIn({ host: owner, allocations }: BlockSpec): { address: string; host: string }[] {
  const borrowed = [];
  for (const address in allocations) {
    const { host } = allocations[address]!;
    if (host !== owner) borrowed.push({ address, host });
  }
  return borrowed;
}
