/** What this host tells others of by BGP. Pure. */
import { ADDRESS_BITS, type Block, cidrContains, type Family, familyOf, type Pool } from '@weir/resources';

/** Where routes of pools of one family may go. */
export interface PoolRoutes {
  /** CIDRs of all pools whose containers share one address space. */
  pools: string[];
  /** Of those whose blocks hosts learn of by BGP. */
  byBgp: string[];
  /** Of those that the fabric is told of. */
  exported: string[];
  /** Blocks of this host, and addresses that its containers have out of others' blocks: of pools that are told to anybody at all. */
  own: string[];
}

/** @returns sorted, so that equal clusters give equal texts */
export function poolRoutes(
  family: Family,
  { self, pools, blocks }: { self: string; pools: readonly Pool[]; blocks: readonly Block[] },
): PoolRoutes {
  const shared = pools.filter(({ spec }) => spec.network === undefined && spec.routes !== 'None' && familyOf(spec.cidr) === family);
  const cidrsOf = (some: readonly Pool[]): string[] => some.map(({ spec }) => spec.cidr).sort();
  const exported = cidrsOf(shared.filter(({ spec }) => spec.visibility === 'Exported'));
  const byBgp = cidrsOf(shared.filter(({ spec }) => spec.routes === 'Bgp'));
  const isTold = (destination: string) => [...exported, ...byBgp].some((cidr) => cidrContains(cidr, destination));
  const own = blocks.flatMap(({ spec }) => (spec.network === undefined ? routesInto(spec, self) : []));
  return { pools: cidrsOf(shared), byBgp, exported, own: own.filter((route) => familyOf(route) === family && isTold(route)).sort() };
}

function routesInto({ cidr, host, allocations }: Block['spec'], self: string): string[] {
  if (host === self) return [cidr];
  return Object.entries(allocations).flatMap(([address, allocation]) =>
    allocation.host === self ? [`${address}/${ADDRESS_BITS[familyOf(address)]}`] : [],
  );
}
