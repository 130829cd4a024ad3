/** What one host's kernel has, against what is held for it. Pure. */

import { type Inventory, poolAround } from '../inventory.ts';
import { reservationOf } from '../reservation.ts';
import { type Finding, type Holding, holderText, type KernelAddresses, reserveAdvice } from './finding.ts';

export function auditKernel(inventory: Inventory, holdings: readonly Holding[], { host, addresses }: KernelAddresses): Finding[] {
  const held = new Map(holdings.map((holding) => [holding.address, holding.allocation]));
  const own = ownAddresses(inventory, host);
  return addresses.flatMap(({ address, link, namespace }): Finding[] => {
    const holder = held.get(address);
    const pool = poolAround(inventory.pools, address);
    if (pool === undefined || (namespace === undefined && own.has(address))) return [];
    if (holder !== undefined && holder.host === host && namespace !== undefined && holder.namespace === namespace) return [];
    const where = `${link} ${namespace === undefined ? `of host ${host}` : `in ${namespace} on host ${host}`} has it`;
    // An older allocation does not say where its container is; the endpoint may.
    if (holder !== undefined && holder.host === host && namespace !== undefined && holder.namespace === undefined) return [];
    if (holder !== undefined) {
      return [{ kind: 'doubled', subject: address, message: `${where}, and it is held by ${holderText(holder)}: stop one of them` }];
    }
    if (namespace !== undefined) {
      return [
        { kind: 'orphaned', subject: address, message: `${where}, and it is not held: it may be given to another; stop that container` },
      ];
    }
    if (pool.spec.routes === 'None' || reservationOf(address, inventory.reservations) !== undefined) return [];
    return [
      { kind: 'foreign', subject: address, message: `${where}, and it is of pool "${pool.metadata.name}": ${reserveAdvice(address)}` },
    ];
  });
}

/** What the host may have in its own namespace; where a host stands in a pool, that is told of its Host object already. */
function ownAddresses({ hosts }: Inventory, host: string): Set<string> {
  const spec = hosts.find(({ metadata }) => metadata.name === host)?.spec;
  return new Set([...(spec?.addresses ?? []), ...(spec?.vxlan?.tunnelAddresses ?? [])]);
}
