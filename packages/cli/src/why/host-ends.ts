/** Hosts themselves as ends of flows, and which of their endpoints is asked. */
import { cidrContains, type Family, familyOf, type Host, type HostEndpoint } from '@weir/resources';
import { objectsOf, type PolicyState } from './policy-state.ts';

export function hostNames(state: PolicyState): string[] {
  const named = [
    ...objectsOf(state, 'Host').map(({ metadata }) => metadata.name),
    ...objectsOf(state, 'HostEndpoint').map(({ spec }) => spec.host),
  ];
  return [...new Set(named)].sort();
}

/** What is known of a host's own addresses: those between the hosts first, then others that its endpoints tell of. */
export function addressesOfHost(name: string, state: PolicyState): string[] {
  const told = endpointsOfHost(name, state).flatMap(({ spec }) => spec.expectedIPs);
  return [...new Set([...(hostNamed(name, state)?.spec.addresses ?? []), ...told])];
}

/** Whose own address it is: also that of its end of a tunnel. */
export function hostAt(address: string, state: PolicyState): string | undefined {
  const hasTunnelEnd = ({ spec }: Host) => spec.vxlan?.tunnelAddresses.includes(address) === true;
  return (
    hostNames(state).find((name) => addressesOfHost(name, state).includes(address)) ??
    objectsOf(state, 'Host').find(hasTunnelEnd)?.metadata.name
  );
}

/** Under which address a host speaks through tunnels. */
export function tunnelAddress(name: string, family: Family, state: PolicyState): string | undefined {
  return hostNamed(name, state)?.spec.vxlan?.tunnelAddresses.find((address) => familyOf(address) === family);
}

/** The endpoint that tells of an address: as a peer the address has its labels. */
export function hostEndpointAt(address: string, state: PolicyState): HostEndpoint | undefined {
  return objectsOf(state, 'HostEndpoint').find(({ spec }) => spec.expectedIPs.includes(address));
}

/**
 * The host endpoint of the interface by which a flow comes or goes. What interface that is only the host knows; the objects say this much:
 * a tunnel's name, or else the interface that has the address, or an address between the hosts.
 *
 * @param at.link name of the interface, where it is known
 * @param at.address the host's own, where it is an end of the flow
 */
export function hostEndpointFor(host: string, state: PolicyState, at: { link?: string; address?: string }): HostEndpoint | undefined {
  const inForce = firstOfEachInterface(endpointsOfHost(host, state));
  const ofAll = inForce.find(({ spec }) => spec.interfaceName === ALL_INTERFACES);
  if (at.link !== undefined) return inForce.find(({ spec }) => spec.interfaceName === at.link) ?? ofAll;
  const between = hostNamed(host, state)?.spec.addresses ?? [];
  const tells = (addresses: readonly string[]) =>
    inForce.find(({ spec }) => spec.interfaceName !== ALL_INTERFACES && spec.expectedIPs.some((own) => addresses.includes(own)));
  // Nothing is known of where the only one is: it is taken to be on the way, as it is on a host with one uplink.
  const [only, ...others] = inForce;
  const isOnly = only !== undefined && others.length === 0 && (between.length === 0 || only.spec.expectedIPs.length === 0);
  return (at.address === undefined ? undefined : tells([at.address])) ?? tells(between) ?? ofAll ?? (isOnly ? only : undefined);
}

const ALL_INTERFACES = '*';

function endpointsOfHost(name: string, state: PolicyState): HostEndpoint[] {
  return objectsOf(state, 'HostEndpoint').filter(({ spec }) => spec.host === name);
}

/** Of several the first by name counts. */
function firstOfEachInterface(endpoints: readonly HostEndpoint[]): HostEndpoint[] {
  const byName = endpoints.toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  return [...Map.groupBy(byName, ({ spec }) => spec.interfaceName).values()].map(([first]) => first!);
}

function hostNamed(name: string, state: PolicyState): Host | undefined {
  return objectsOf(state, 'Host').find(({ metadata }) => metadata.name === name);
}

/** Whether it is of a pool, and so routed to by its block. */
export function isOfPool(address: string, state: PolicyState): boolean {
  return objectsOf(state, 'Pool').some(({ spec }) => cidrContains(spec.cidr, address));
}
