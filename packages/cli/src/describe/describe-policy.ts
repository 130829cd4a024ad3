/** Policies, and what groups them and what holds without them. */
import { type GlobalPolicy, type Namespace, type Policy, type Rule, type Tier, tierOf } from '@weir/resources';
import { ruleText } from '../output/rule-text.ts';
import { type Field, listOf } from './field.ts';
import { policyRelations, tierRelations } from './relations.ts';
import type { Surroundings } from './surroundings.ts';
import { endpointLine, hostEndpointLine, policyTitle } from './titles.ts';

export function policyFields(policy: Policy | GlobalPolicy, surroundings: Surroundings): Field[] {
  const { metadata, spec } = policy;
  const { status, place, asked, endpoints, hostEndpoints } = policyRelations(policy, surroundings);
  return [
    ['Status', status],
    ['Tier', tierOf(spec)],
    ['Order', spec.order === undefined ? 'last' : String(spec.order)],
    ...(place === undefined ? [] : [['Asked', `${place} of ${asked} in the tier`] satisfies Field]),
    ...('applyOnForward' in spec ? [['On forward', 'also for what passes through hosts'] satisfies Field] : []),
    ...(policy.kind === 'GlobalPolicy' ? [['Namespaces', policy.spec.namespaceSelector ?? 'all()'] satisfies Field] : []),
    ['Selector', spec.selector],
    ['Types', spec.types.join(', ')],
    ...(spec.types.includes('Ingress') ? [['Ingress', ruleLines(spec.ingress, metadata.namespace)] satisfies Field] : []),
    ...(spec.types.includes('Egress') ? [['Egress', ruleLines(spec.egress, metadata.namespace)] satisfies Field] : []),
    ['Selects', [...endpoints.map(endpointLine), ...hostEndpoints.map(hostEndpointLine)]],
  ];
}

function ruleLines(rules: readonly Rule[], namespace: string | undefined): string[] {
  return rules.length === 0 ? ['<no rule>: nothing is allowed'] : rules.map((rule, index) => `[${index}] ${ruleText(rule, namespace)}`);
}

export function tierFields(tier: Tier, surroundings: Surroundings): Field[] {
  const { spec } = tier;
  return [
    ['Order', spec.order === undefined ? 'last' : String(spec.order)],
    [
      'Default action',
      spec.defaultAction === 'Deny' ? 'Deny what none of its policies decided' : 'Pass on what none of its policies decided',
    ],
    ['Policies', tierRelations(tier, surroundings).policies.map((policy) => policyTitle(policy, { tier: false }))],
  ];
}

export function namespaceFields({ metadata, spec }: Namespace, { endpoints }: Surroundings): Field[] {
  const { defaultAction, defaultIngress = defaultAction, defaultEgress = defaultAction, labelsToApply = {} } = spec;
  return [
    ['Default ingress', `${defaultIngress} where no policy decides`],
    ['Default egress', `${defaultEgress} where no policy decides`],
    ['Labels to apply', listOf(labelsToApply)],
    ['Endpoints', endpoints.filter((endpoint) => endpoint.metadata.namespace === metadata.name).map(endpointLine)],
  ];
}
