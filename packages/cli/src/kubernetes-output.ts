import { type KindInfo, type Policy, toKubernetes } from '@weir/resources';
import { CliError } from './cli-error.ts';
import { referenceText } from './references.ts';

/**
 * Refuses kinds that have no counterpart in Kubernetes.
 * @throws CliError EUSAGE
 */
export function checkHasCounterpart(kinds: readonly KindInfo[]): void {
  const other = kinds.find(({ kind }) => kind !== 'Policy');
  if (other !== undefined) throw new CliError('EUSAGE', `-o kubernetes prints policies: Kubernetes has nothing like ${other.plural}`);
}

/**
 * Policies as NetworkPolicies of networking.k8s.io/v1, in YAML, and an error for each of which Kubernetes cannot say the same.
 * @param single the one policy was asked for by its name: it is printed by itself, not as a List
 */
export async function formatKubernetes(policies: readonly Policy[], single: boolean): Promise<{ text: string; refusals: CliError[] }> {
  const refusals: CliError[] = [];
  const items = policies.flatMap((policy) => {
    const answer = toKubernetes(policy);
    if (answer.expressible) return [answer.networkPolicy];
    const details = answer.reasons.map(({ path, reason }) => `${path}: ${reason}`);
    const reference = referenceText(policy.kind, policy.metadata.name);
    refusals.push(
      new CliError('EREFUSED', `${reference} in namespace ${policy.metadata.namespace} cannot be said as a Kubernetes NetworkPolicy:`, {
        details,
      }),
    );
    return [];
  });
  if (items.length === 0 && refusals.length > 0) return { text: '', refusals };
  const { stringify } = await import('yaml');
  const document = single ? items[0] : { apiVersion: 'v1', kind: 'List', items };
  return { text: stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }), refusals };
}
