/** What would have to change for a flow to be allowed: the least that does. */
import type { Because, Criterion, Flow, TriedRule, VisitedPolicy, VisitedTier } from '@weir/policy';
import { type GlobalPolicy, keyOf, type Peer, type Policy, type Rule } from '@weir/resources';
import { formatLabels } from '../output/columns.ts';
import { endpointText, type FlowEnd } from './flow-end.ts';
import type { JudgedFlow, WayStep } from './flow-judge.ts';
import type { PolicyState } from './policy-state.ts';

/** One of several ways, each of which would be enough at its end. */
export interface Advice {
  direction?: 'Ingress' | 'Egress';
  policy?: string;
  text: string;
}

export interface Denied {
  explanation: JudgedFlow['explanation'];
  flow: Flow;
  from: FlowEnd;
  to: FlowEnd;
  state: PolicyState;
}

export function advise(denied: Denied): Advice[] {
  const { explanation } = denied;
  const ofPool =
    explanation.privatePool === undefined
      ? []
      : [
          {
            text: `the pool ${explanation.privatePool} is private: publish the port on the host (portMappings), or set the pool's visibility to Routed`,
          },
        ];
  return [...ofPool, ...explanation.steps.filter(({ verdict }) => verdict === 'Deny').flatMap((step) => adviceFor(step, denied))];
}

/** For policies that cannot be in force, by what is said of them. */
const REMEDIES: Readonly<Record<string, (because: Because) => string>> = {
  'invalid policy': () => 'correct it; weir get policies -o wide says what is wrong',
  'unknown tier': ({ tier }) => `apply the tier ${tier}`,
  'unreadable network set': () => 'correct the network set; weir get networksets,globalnetworksets -A says which',
  'unreadable service': () => 'correct the Service; weir get services -A says which',
};

function adviceFor(step: WayStep, asked: Denied): Advice[] {
  const { direction, because, tiers, source } = step;
  const denied = source === undefined ? asked : { ...asked, from: source };
  const at = { direction };
  const remedy = REMEDIES[String(because.default)];
  if (remedy !== undefined) {
    const name = because.policy === undefined ? 'a policy' : policyText(because.policy);
    if (because.policy?.kind === 'HostEndpoint')
      return [{ ...at, text: `${name} cannot be read, and is closed: apply it anew, or delete it` }];
    return [{ ...at, text: `${name} cannot be in force and closes its endpoints: ${remedy(because)}` }];
  }
  const own = endpointText({ metadata: because.endpoint! });
  if (because.default === 'labels not known') {
    return [
      { ...at, text: `${own} waits for the labels of its task: see on its host why the Mesos agent does not tell them (weir node status)` },
    ];
  }
  const flow = flowText(denied.flow);
  if (because.ruleIndex !== undefined && because.policy !== undefined) {
    const name = policyText(because.policy);
    const rule = `${direction.toLowerCase()}[${because.ruleIndex}]`;
    return [{ ...at, policy: name, text: `${rule} of ${name} denies it: narrow that rule, or put one that allows ${flow} before it` }];
  }
  const nearest = nearestRule(tiers);
  if (nearest !== undefined) {
    const name = policyText(nearest.policy.policy);
    const rule = `${direction.toLowerCase()}[${nearest.rule.index}]`;
    const changes = nearest.rule.mismatches.map((criterion) => changeText(criterion, nearest.policy, nearest.rule, direction, denied));
    return [{ ...at, policy: name, text: `${rule} of ${name} would allow it, but ${changes.join('; and ')}` }];
  }
  const selecting = tiers.find(({ tier }) => tier === because.tier)?.policies.find(({ staged }) => !staged);
  if (selecting !== undefined) {
    const name = policyText(selecting.policy);
    return [
      { ...at, policy: name, text: `${name} selects ${own} and has no ${direction.toLowerCase()} rule that allows: add one for ${flow}` },
    ];
  }
  if (because.endpoint!.namespace === undefined) {
    const text = `no policy is for ${own}, which is closed by default: apply a GlobalPolicy that selects it and allows ${flow}, or say defaultAction: Allow`;
    return [{ ...at, text }];
  }
  return [
    {
      ...at,
      text: `no policy decides on ${direction.toLowerCase()} of ${own}, and its namespace or network denies by default: apply a policy that selects it and allows ${flow}`,
    },
  ];
}

/** The rule that allows, was reached, and fails by the fewest criteria. */
function nearestRule(tiers: readonly VisitedTier[]): { policy: VisitedPolicy; rule: TriedRule } | undefined {
  const candidates = tiers.flatMap(({ policies }) =>
    policies.flatMap((policy) =>
      policy.rules.filter(({ action, isReached }) => isReached && action === 'Allow').map((rule) => ({ policy, rule })),
    ),
  );
  return candidates.sort((left, right) => left.rule.mismatches.length - right.rule.mismatches.length)[0];
}

function changeText(criterion: Criterion, policy: VisitedPolicy, rule: TriedRule, direction: 'Ingress' | 'Egress', denied: Denied): string {
  const found = ruleOf(policy, rule.index, direction, denied.state);
  return mismatchText(criterion, found, denied);
}

/** The rule as its policy has it; undefined if it is not there, or is no policy's. */
export function ruleOf(
  { policy }: VisitedPolicy,
  index: number,
  direction: 'Ingress' | 'Egress',
  { objects }: PolicyState,
): Rule | undefined {
  if (policy.kind === 'Namespace' || policy.kind === 'HostEndpoint') return undefined;
  const { kind, ...metadata } = policy;
  const object = objects.get(keyOf({ kind, metadata })) as Policy | GlobalPolicy | undefined;
  return direction === 'Ingress' ? object?.spec.ingress[index] : object?.spec.egress[index];
}

/** `destination.ports is 5432, and the flow has 80`. */
export function mismatchText(
  criterion: Criterion,
  rule: Rule | undefined,
  { flow, from, to }: Pick<Denied, 'flow' | 'from' | 'to'>,
): string {
  const wanted = valueText(rule, criterion);
  const [side, field] = criterion.split('.') as [string, keyof Peer | undefined];
  if (field === undefined) return `${criterion} is ${wanted}, and the flow is ${flowText(flow)}`;
  const end = side === 'source' ? from : to;
  const port = side === 'source' ? flow.sourcePort : flow.destinationPort;
  switch (field) {
    case 'ports':
    case 'notPorts':
      return `${criterion} is ${wanted}, and the flow has port ${port}`;
    case 'nets':
    case 'notNets':
      return `${criterion} is ${wanted}, and the ${side} is ${end.address}`;
    case 'services':
      return `${criterion} is ${wanted}, and ${end.address}${side === 'source' || port === undefined ? '' : ` port ${port}`} is none of its backends: weir describe service has them`;
    case 'domains':
      return `${criterion} is ${wanted}, and only the agent of the container's host knows what addresses it was told for them: ask DNS in the container, then try`;
    case 'namespaceSelector':
      return wanted === ''
        ? `${side}.selector looks in the policy's own namespace, and the ${side} is in ${end.endpoint?.metadata.namespace ?? 'none'}: add ${end.hostEndpoint === undefined ? 'a namespaceSelector' : 'namespaceSelector: global()'}`
        : `${criterion} is ${wanted}, and the ${side} is in namespace ${end.endpoint?.metadata.namespace ?? 'none'}`;
    default:
      return `${wanted === '' ? `${side}.namespaceSelector is ${valueText(rule, `${side}.namespaceSelector`)}` : `${criterion} is ${wanted}`}, and the ${side} ${whoText(end)}`;
  }
}

function valueText(rule: Rule | undefined, path: string): string {
  const value = path.split('.').reduce<unknown>((part, key) => (part === undefined ? undefined : Reflect.get(Object(part), key)), rule);
  if (value === undefined) return '';
  return Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function whoText({ address, endpoint, host, hostEndpoint }: FlowEnd): string {
  if (hostEndpoint !== undefined && endpoint === undefined) {
    const { labels } = hostEndpoint.metadata;
    return `${Object.keys(labels).length === 0 ? 'has no labels' : `has ${formatLabels(labels)}`} and is in no namespace, as all hosts`;
  }
  if (host !== undefined) return `is ${address} of host ${host}, which no HostEndpoint tells of (expectedIPs)`;
  if (endpoint === undefined) return `is ${address}, which no such endpoint or network set has`;
  const { labels, namespace } = endpoint.metadata;
  return `${Object.keys(labels).length === 0 ? 'has no labels' : `has ${formatLabels(labels)}`} in namespace ${namespace}`;
}

/** `policy/db in namespace shop`. */
export function policyText({ kind, namespace, name }: { kind: string; namespace?: string; name: string }): string {
  return `${kind.toLowerCase()}/${name}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
}

/** `TCP 80`. */
export function flowText({ protocol, destinationPort, icmpType, icmpCode }: Flow): string {
  const name = typeof protocol === 'number' ? `protocol ${protocol}` : protocol;
  if (destinationPort !== undefined) return `${name} ${destinationPort}`;
  return icmpType === undefined ? name : `${name} type ${icmpType} code ${icmpCode ?? 0}`;
}
