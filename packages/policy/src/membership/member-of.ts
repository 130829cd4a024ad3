/** What selectors, and the sets that come of them, need to know of an object. Pure. */
import type { Endpoint, GlobalNetworkSet, HostEndpoint, Labels, NetworkSet } from '@weir/resources';
import type { Member } from './membership.ts';

/** @param labels its own and those that its namespace gives it */
export function endpointMember(key: string, { metadata, spec }: Endpoint, labels: Labels): Member {
  const addresses = [...new Set(spec.addresses)];
  return { key, namespace: metadata.namespace!, labels, ownLabels: metadata.labels, addresses, cidrs: [], ports: spec.ports };
}

export function hostMember(key: string, { metadata, spec }: HostEndpoint): Member {
  const { labels } = metadata;
  return { key, labels, ownLabels: labels, addresses: [...new Set(spec.expectedIPs)], cidrs: [], ports: spec.ports };
}

/** @param longList with more CIDRs than that, single addresses are nets like the others */
export function networkSetMember(key: string, { metadata, spec }: NetworkSet | GlobalNetworkSet, longList: number): Member {
  const { namespace, labels } = metadata;
  const areAllNets = spec.nets.length > longList;
  return { key, ...(namespace !== undefined && { namespace }), labels, addresses: [], cidrs: spec.nets, areAllNets, ports: [] };
}
