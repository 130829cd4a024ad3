/** Policies, and what groups them and what holds without them. */
import { BUILT_IN_TIERS, type GlobalPolicy, keyOf, type Namespace, type Policy, type Rule, type Tier, tierOf } from '@weir/resources';
import { inOrderOfEvaluation, selects, selectsHost } from '../output/policy-selection.ts';
import { policyStatus } from '../output/policy-status.ts';
import { ruleText } from '../output/rule-text.ts';
import { type Field, listOf } from './field.ts';
import type { Surroundings } from './surroundings.ts';
import { endpointLine, hostEndpointLine, policyTitle } from './titles.ts';

export function policyFields(policy: Policy | GlobalPolicy, surroundings: Surroundings): Field[] {
  const { endpoints, namespaces, hostEndpoints = [], policies, tiers = [], unreadableFor = () => [] } = surroundings;
  const { metadata, spec } = policy;
  const selected = endpoints.filter((endpoint) => selects(policy, endpoint, namespaces));
  const hosts = hostEndpoints.filter((hostEndpoint) => selectsHost(policy, hostEndpoint));
  const ofTier = inOrderOfEvaluation(
    policies.filter((other) => tierOf(other.spec) === tierOf(spec)),
    tiers,
  );
  const place = ofTier.findIndex((other) => keyOf(other) === keyOf(policy));
  const tierNames = new Set([...BUILT_IN_TIERS.keys(), ...tiers.map((tier) => tier.metadata.name)]);
  return [
    ['Status', policyStatus(policy, { tiers: tierNames, unreadableFor })],
    ['Tier', tierOf(spec)],
    ['Order', spec.order === undefined ? 'last' : String(spec.order)],
    ...(place === -1 ? [] : [['Asked', `${place + 1} of ${ofTier.length} in the tier`] satisfies Field]),
    ...('applyOnForward' in spec ? [['On forward', 'also for what passes through hosts'] satisfies Field] : []),
    ...(policy.kind === 'GlobalPolicy' ? [['Namespaces', policy.spec.namespaceSelector ?? 'all()'] satisfies Field] : []),
    ['Selector', spec.selector],
    ['Types', spec.types.join(', ')],
    ...(spec.types.includes('Ingress') ? [['Ingress', ruleLines(spec.ingress, metadata.namespace)] satisfies Field] : []),
    ...(spec.types.includes('Egress') ? [['Egress', ruleLines(spec.egress, metadata.namespace)] satisfies Field] : []),
    ['Selects', [...selected.map(endpointLine), ...hosts.map(hostEndpointLine)]],
  ];
}

function ruleLines(rules: readonly Rule[], namespace: string | undefined): string[] {
  return rules.length === 0 ? ['<no rule>: nothing is allowed'] : rules.map((rule, index) => `[${index}] ${ruleText(rule, namespace)}`);
}

export function tierFields({ metadata, spec }: Tier, { policies, tiers = [] }: Surroundings): Field[] {
  const own = policies.filter((policy) => tierOf(policy.spec) === metadata.name);
  return [
    ['Order', spec.order === undefined ? 'last' : String(spec.order)],
    [
      'Default action',
      spec.defaultAction === 'Deny' ? 'Deny what none of its policies decided' : 'Pass on what none of its policies decided',
    ],
    ['Policies', inOrderOfEvaluation(own, tiers).map((policy) => policyTitle(policy, { tier: false }))],
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
