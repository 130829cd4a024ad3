/** Endpoints of other clusters as ends of flows, written as `east:shop/run=web`. */
import { isBelieved, remoteRanges } from '@weir/policy';
import {
  CLUSTER_LABEL,
  isMarathonId,
  isOfMarathonId,
  type Labels,
  matches,
  type RemoteEndpoint,
  remoteEndpointName,
  splitNamespace,
} from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { parseLabelSelector } from '../objects/label-selector.ts';
import { formatOwnLabels } from '../output/columns.ts';
import { objectsOf, type PolicyState } from './policy-state.ts';

export interface RemoteEnd {
  address: string;
  remote: RemoteEndpoint;
}

/** All that are peers here, at each address that is believed. */
export function remoteEnds(state: PolicyState): RemoteEnd[] {
  const ranges = remoteRanges(objectsOf(state, 'RemoteCluster'), objectsOf(state, 'Pool'));
  return objectsOf(state, 'RemoteEndpoint').flatMap((remote) => {
    const believed = ranges.get(remote.spec.cluster);
    if (believed === undefined) return [];
    return remote.spec.addresses.filter((address) => isBelieved(believed, address)).map((address) => ({ address, remote }));
  });
}

/**
 * Those that a text means by an endpoint's name, labels or the id of a Marathon app; undefined where it names no other cluster.
 *
 * @throws CliError EUSAGE, ENOTFOUND
 */
export function findRemoteEnds(text: string, state: PolicyState, namespace?: string): RemoteEnd[] | undefined {
  const [, cluster, wanted] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (cluster === undefined || wanted === undefined) return undefined;
  if (!objectsOf(state, 'RemoteCluster').some(({ metadata }) => metadata.name === cluster)) return undefined;
  const split = isMarathonId(wanted) ? undefined : splitNamespace(wanted);
  const home = split?.namespace ?? namespace;
  const rest = split?.rest ?? wanted;
  const near = remoteEnds(state).filter(
    ({ remote: { metadata, spec } }) => spec.cluster === cluster && (home === undefined || metadata.namespace === home),
  );
  const named = near.filter(({ remote }) => remote.metadata.name === remoteEndpointName(cluster, rest));
  const found = named.length > 0 ? named : near.filter(({ remote: { metadata } }) => isMeant(metadata.labels, rest));
  if (found.length > 0) return found;
  const where = home === undefined ? '' : ` in namespace ${home}`;
  throw new CliError('ENOTFOUND', `no endpoint of cluster ${cluster} is ${JSON.stringify(rest)}${where}`, {
    details: [`weir endpoint list -A --cluster ${cluster} has those that are known here`],
  });
}

function isMeant(labels: Labels, text: string): boolean {
  return isMarathonId(text) ? isOfMarathonId(labels, text) : matches(parseLabelSelector(text), labels);
}

/** `east:shop/web-eth0`. */
export function remoteText({ metadata, spec }: RemoteEndpoint): string {
  return `${spec.cluster}:${metadata.namespace}/${metadata.name.slice(remoteEndpointName(spec.cluster, '').length)}`;
}

/** Without the one that says its cluster, where that is said anyhow. */
export function labelsThere({ metadata }: RemoteEndpoint): Labels {
  const { [CLUSTER_LABEL]: _, ...labels } = metadata.labels;
  return labels;
}

/** `east:shop/web-eth0 (run=web, 10.9.0.1 on h1)`. */
export function remoteEndText({ address, remote }: RemoteEnd): string {
  return `${remoteText(remote)} (${formatOwnLabels(labelsThere(remote))}, ${address} on ${remote.spec.host} there)`;
}
