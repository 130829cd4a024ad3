/**
 * What the table is used for on a host. Each packet of the host passes each hook that is there, so what nothing uses is not hooked in.
 */

const FAMILIES = ['4', '6'];

/** Sets and maps of the table by what has elements in them. */
const SETS = {
  endpoints: ['from_endpoint', 'to_endpoint', ...FAMILIES.flatMap((version) => [`from_bridged${version}`, `to_bridged${version}`])],
  adopted: ['adopted'],
  hostEndpoints: ['host_endpoint', 'any_host_endpoint'],
  nat: FAMILIES.flatMap((version) =>
    ['host_port', 'any_host_port', 'service', 'service_port', 'service_range', 'nat'].map((name) => `${name}${version}`),
  ),
  privatePools: FAMILIES.map((version) => `private${version}`),
  dnsClients: FAMILIES.map((version) => `dns_client${version}`),
} as const;

/**
 * `adopted`: endpoints on interfaces that are not Weir's by name. `nat`: ports of the host, services, or pools whose containers leave under
 * its address. `links`: there may be interfaces that are closed until their endpoint is known. `policies`: the cluster has some, though none
 * may be of this host.
 */
export type TableUse = Readonly<Record<keyof typeof SETS | 'links' | 'policies', boolean>>;

export const FULL_USE: TableUse = useOf({ isUsed: () => true, links: true, policies: true });

/** @param options.isUsed whether a set has elements */
export function useOf({ isUsed, ...rest }: { isUsed: (set: string) => boolean } & Pick<TableUse, 'links' | 'policies'>): TableUse {
  const used = Object.fromEntries(Object.entries(SETS).map(([use, sets]) => [use, sets.some(isUsed)]));
  return { ...(used as Record<keyof typeof SETS, boolean>), ...rest };
}

/** What either is for. */
export function bothUses(one: TableUse, other: TableUse): TableUse {
  return Object.fromEntries(Object.entries(one).map(([use, is]) => [use, is || other[use as keyof TableUse]])) as TableUse;
}

/**
 * Whether there are rules that ask for connections. Where there are none the kernel does not track any. The first policy of the cluster is
 * one, so that when this host gets its first endpoint, the connections that it has are known.
 */
export function tracks({ endpoints, hostEndpoints, nat, privatePools, links, policies }: TableUse): boolean {
  return links || endpoints || hostEndpoints || nat || privatePools || policies;
}
