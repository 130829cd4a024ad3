/** What selectors, and the sets that come of them, need to know of an object. Pure. */
import { CLUSTER_LABEL, type Endpoint, type GlobalNetworkSet, type HostEndpoint, type Labels, type NetworkSet } from '@weir/resources';
import type { Member } from './member.ts';

/** @param labels its own and those that its namespace gives it */
export function endpointMember(key: string, { metadata, spec }: Endpoint, labels: Labels): Member {
  const addresses = [...new Set(spec.addresses)];
  const ownLabels = metadata.labels;
  return { key, namespace: metadata.namespace!, labels: ofThisCluster(labels), ownLabels, addresses, cidrs: [], ports: spec.ports };
}

/** Nobody here passes for an endpoint of another cluster, whoever wrote the labels. */
export function ofThisCluster(labels: Labels): Labels {
  if (!(CLUSTER_LABEL in labels)) return labels;
  const { [CLUSTER_LABEL]: _, ...rest } = labels;
  return rest;
}

export function hostMember(key: string, { metadata, spec }: HostEndpoint): Member {
  const labels = ofThisCluster(metadata.labels);
  return { key, labels, ownLabels: labels, addresses: [...new Set(spec.expectedIPs)], cidrs: [], ports: spec.ports };
}

/** @param longList with more CIDRs than that, single addresses are nets like the others */
export function networkSetMember(key: string, { metadata, spec }: NetworkSet | GlobalNetworkSet, longList: number): Member {
  const { namespace } = metadata;
  const labels = ofThisCluster(metadata.labels);
  const areAllNets = spec.nets.length > longList;
  return { key, ...(namespace !== undefined && { namespace }), labels, addresses: [], cidrs: spec.nets, areAllNets, ports: [] };
}
