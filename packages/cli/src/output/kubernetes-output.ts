import {
  type ClusterNetworkPolicy,
  type GlobalPolicy,
  type Inexpressible,
  type KindInfo,
  type NetworkPolicy,
  type Policy,
  toClusterPolicy,
  toKubernetes,
} from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { referenceText } from '../objects/references.ts';

/**
 * Refuses kinds that have no counterpart in Kubernetes.
 * @throws CliError EUSAGE
 */
export function checkHasCounterpart(kinds: readonly KindInfo[]): void {
  const other = kinds.find(({ kind }) => kind !== 'Policy' && kind !== 'GlobalPolicy');
  if (other !== undefined) throw new CliError('EUSAGE', `-o kubernetes prints policies: Kubernetes has nothing like ${other.plural}`);
}

/**
 * Policies as NetworkPolicies of networking.k8s.io/v1, GlobalPolicies as ClusterNetworkPolicies of policy.networking.k8s.io/v1alpha2, in
 * YAML, and an error for each of which Kubernetes cannot say the same.
 * @param single the one policy was asked for by its name: it is printed by itself, not as a List
 */
export async function formatKubernetes(
  policies: readonly (Policy | GlobalPolicy)[],
  single: boolean,
): Promise<{ text: string; refusals: CliError[] }> {
  const refusals: CliError[] = [];
  const items = policies.flatMap((policy) => {
    const answer = counterpartOf(policy);
    if ('item' in answer) return [answer.item];
    const details = answer.reasons.map(({ path, reason }) => `${path}: ${reason}`);
    const { kind, metadata } = policy;
    const where = metadata.namespace === undefined ? '' : ` in namespace ${metadata.namespace}`;
    const counterpart = kind === 'Policy' ? 'NetworkPolicy' : 'ClusterNetworkPolicy';
    const message = `${referenceText(kind, metadata.name)}${where} cannot be said as a Kubernetes ${counterpart}:`;
    refusals.push(new CliError('EREFUSED', message, { details }));
    return [];
  });
  if (items.length === 0 && refusals.length > 0) return { text: '', refusals };
  const { stringify } = await import('yaml');
  const document = single ? items[0] : { apiVersion: 'v1', kind: 'List', items };
  return { text: stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }), refusals };
}

function counterpartOf(policy: Policy | GlobalPolicy): { item: NetworkPolicy | ClusterNetworkPolicy } | { reasons: Inexpressible[] } {
  if (policy.kind === 'Policy') {
    const answer = toKubernetes(policy);
    return answer.expressible ? { item: answer.networkPolicy } : answer;
  }
  const answer = toClusterPolicy(policy);
  return answer.expressible ? { item: answer.clusterPolicy } : answer;
}
