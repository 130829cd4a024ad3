/** Other clusters, and their endpoints. */
import type { RemoteCluster, RemoteEndpoint } from '@weir/resources';
import { remoteState, remoteStatus } from '../output/remote-state.ts';
import type { Field } from './field.ts';
import type { Surroundings } from './surroundings.ts';

const NOBODY = 'remoteClusters in the configuration of an agent says how its store is reached; no agent has it yet';

export function remoteClusterFields(cluster: RemoteCluster, { agents = new Map() }: Surroundings): Field[] {
  const status = remoteStatus(cluster);
  const told: string[] = [remoteState(cluster, agents)];
  if (status === undefined) told.push(NOBODY);
  else if (status.state === 'Away') told.push(status.problem ?? '', 'rules see its endpoints as they were then');
  const { refused = 0, refusal } = status ?? {};
  return [
    ['CIDRs', cluster.spec.cidrs],
    ['Store', told],
    ['Endpoints', String(status?.endpoints ?? 0)],
    ['Refused', refused === 0 ? '0' : [`${refused}, such as ${refusal}`]],
  ];
}

export function remoteEndpointFields({ spec }: RemoteEndpoint): Field[] {
  return [
    ['Cluster', spec.cluster],
    ['Host', `${spec.host}, there`],
    ['Addresses', spec.addresses],
    ['Services', spec.ready ? 'ready' : 'takes no new flows'],
    ['Policies', 'those of its own cluster: ask there'],
  ];
}
