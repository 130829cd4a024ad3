/** Addresses that endpoints and hosts have, and whether they are held for them. Pure. */
import type { Endpoint } from '@weir/resources';
import { isOwner } from '../block.ts';
import { type Inventory, poolAround } from '../inventory.ts';
import { reservationOf } from '../reservation.ts';
import { type Finding, type Holding, holderText, reserveAdvice } from './finding.ts';

export function auditUsers(inventory: Inventory, holdings: readonly Holding[]): Finding[] {
  const held = new Map(holdings.map((holding) => [holding.address, holding]));
  return [...ofEndpoints(inventory, held), ...ofHosts(inventory)];
}

/** An address of no pool is somebody else's IPAM's. */
function ofEndpoints({ endpoints, pools }: Inventory, held: ReadonlyMap<string, Holding>): Finding[] {
  const users = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    for (const address of endpoint.spec.addresses) users.set(address, [...(users.get(address) ?? []), endpoint]);
  }
  return [...users].flatMap(([address, all]): Finding[] => {
    if (all.length > 1) {
      const who = all.map(endpointText).sort().join(' and ');
      return [{ kind: 'doubled', subject: address, message: `${who} have it: stop one of them` }];
    }
    const [endpoint] = all as [Endpoint];
    const holder = held.get(address)?.allocation;
    if (holder !== undefined && isOwner(holder, endpoint.spec, endpoint.spec.host)) return [];
    if (holder !== undefined) {
      return [
        {
          kind: 'doubled',
          subject: address,
          message: `${endpointText(endpoint)} has it, and it is held by ${holderText(holder)}: stop one of them`,
        },
      ];
    }
    if (poolAround(pools, address) === undefined) return [];
    const { host, containerId, interfaceName, network } = endpoint.spec;
    const message = `${endpointText(endpoint)} has it, and it is not held: it may be given to another`;
    return [
      {
        kind: 'orphaned',
        subject: address,
        message,
        repair: { do: 'hold', address, host, owner: { containerId, interfaceName }, network },
      },
    ];
  });
}

/** Where containers share a link with their host, its address is of the pool's CIDR, and kept from them by their network. */
function ofHosts({ hosts, pools, reservations }: Inventory): Finding[] {
  return hosts.flatMap(({ metadata, spec }) =>
    spec.addresses.flatMap((address): Finding[] => {
      const pool = poolAround(pools, address);
      if (pool === undefined || pool.spec.routes === 'None' || reservationOf(address, reservations) !== undefined) return [];
      return [
        {
          kind: 'foreign',
          subject: address,
          message: `the address of host ${metadata.name} is of pool "${pool.metadata.name}": ${reserveAdvice(address)}`,
        },
      ];
    }),
  );
}

/** `endpoint shop/web-1 on host node-7`. */
function endpointText({ metadata, spec }: Endpoint): string {
  return `endpoint ${metadata.namespace}/${metadata.name} on host ${spec.host}`;
}
