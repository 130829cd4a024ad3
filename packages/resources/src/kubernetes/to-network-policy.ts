import { cidrContains, cidrsOverlap } from '../address/address.ts';
import type { Policy } from '../object.ts';
import type { Peer } from '../rule/peer.ts';
import { type Port, portRange } from '../rule/port.ts';
import type { Rule } from '../rule/rule.ts';
import { parseSelector } from '../selector/parse.ts';
import { show } from '../validation/validation-error.ts';
import { toLabelSelector } from './label-selector.ts';
import type { LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from './network-policy.ts';

/** Why a policy is none that Kubernetes could have: the field, and what it is that cannot be said. */
export interface Inexpressible {
  /** Dotted path in the Policy. */
  path: string;
  value: unknown;
  reason: string;
}

export type ToKubernetes = { expressible: true; networkPolicy: NetworkPolicy } | { expressible: false; reasons: Inexpressible[] };

/**
 * A Policy as a NetworkPolicy of `networking.k8s.io/v1`, where Kubernetes can say the same.
 *
 * It can say what is allowed, not what is denied, logged or passed on; nothing of order, ICMP, IP versions, source ports or negated selectors.
 * What {@link fromKubernetes} made always comes back, and reads as the same Policy again.
 */
export function toKubernetes(policy: Policy): ToKubernetes {
  const reasons: Inexpressible[] = [];
  const refuse: Refuse = (path, value, reason) => {
    reasons.push({ path, value, reason });
  };
  const { metadata, spec } = policy;
  if (spec.tier !== undefined) refuse('spec.tier', spec.tier, 'NetworkPolicies are of no tier');
  if (spec.staged !== undefined) refuse('spec.staged', spec.staged, 'NetworkPolicies are always in force');
  if (spec.order !== undefined) refuse('spec.order', spec.order, 'NetworkPolicies have no order');
  const podSelector = labelSelector(spec.selector, 'spec.selector', refuse);
  const rules = { ingress: toRules(spec.ingress, 'ingress', refuse), egress: toRules(spec.egress, 'egress', refuse) };
  if (reasons.length > 0) return { expressible: false, reasons };
  const networkPolicy: NetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: metadata.name,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      ...(Object.keys(metadata.labels).length > 0 && { labels: metadata.labels }),
      ...(Object.keys(metadata.annotations).length > 0 && { annotations: metadata.annotations }),
    },
    spec: {
      podSelector,
      policyTypes: spec.types,
      ...(spec.types.includes('Ingress') && {
        ingress: rules.ingress.map(({ peers, ports }) => ({ ...(peers && { from: peers }), ...(ports && { ports }) })),
      }),
      ...(spec.types.includes('Egress') && {
        egress: rules.egress.map(({ peers, ports }) => ({ ...(peers && { to: peers }), ...(ports && { ports }) })),
      }),
    },
  };
  return { expressible: true, networkPolicy };
}

type Refuse = (path: string, value: unknown, reason: string) => void;

interface RuleParts {
  peers?: NetworkPolicyPeer[];
  ports?: NetworkPolicyPort[];
}

function toRules(rules: Rule[], direction: 'ingress' | 'egress', refuse: Refuse): RuleParts[] {
  return rules.map((rule, index) =>
    toRule(rule, direction, (path, value, reason) => refuse(`spec.${direction}[${index}].${path}`, value, reason)),
  );
}

function toRule(rule: Rule, direction: 'ingress' | 'egress', refuse: Refuse): RuleParts {
  if (rule.action !== 'Allow') refuse('action', rule.action, `NetworkPolicies only allow, ${show(rule.action)} cannot be said`);
  for (const name of ['ipVersion', 'notProtocol', 'icmp', 'notICMP'] as const) {
    if (rule[name] !== undefined) refuse(name, rule[name], `NetworkPolicies have nothing like ${name}`);
  }
  const { ports: destinationPorts, ...destination } = rule.destination ?? {};
  const source = rule.source ?? {};
  const [peer, local] = direction === 'ingress' ? ([source, destination] as const) : ([destination, source] as const);
  const [peerSide, localSide] = direction === 'ingress' ? ['source', 'destination'] : ['destination', 'source'];
  for (const [name, value] of Object.entries(local)) {
    if (value !== undefined) refuse(`${localSide}.${name}`, value, 'NetworkPolicies tell their own end by podSelector only');
  }
  const peers = toPeers(peer, (path, value, reason) => refuse(`${peerSide}.${path}`, value, reason));
  const ports = toPorts(rule.protocol, destinationPorts, refuse);
  return { ...(peers && { peers }), ...(ports && { ports }) };
}

/** undefined: anybody. */
function toPeers(peer: Peer, refuse: Refuse): NetworkPolicyPeer[] | undefined {
  const { nets, notNets, selector, namespaceSelector, ...rest } = peer;
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) refuse(name, value, `NetworkPolicies have nothing like ${name} of a peer`);
  }
  if (selector === undefined && namespaceSelector === undefined) {
    if (nets !== undefined) return toIpBlocks(nets, notNets ?? [], refuse);
    if (notNets !== undefined) refuse('notNets', notNets, 'ipBlock needs a cidr to except from: set "nets"');
    return undefined;
  }
  for (const [name, value] of [['nets', nets] as const, ['notNets', notNets] as const]) {
    if (value !== undefined) refuse(name, value, 'a peer of NetworkPolicies is either selected by labels or an ipBlock, not both at once');
  }
  return [
    {
      ...(namespaceSelector !== undefined && { namespaceSelector: labelSelector(namespaceSelector, 'namespaceSelector', refuse) }),
      ...(selector !== undefined && { podSelector: labelSelector(selector, 'selector', refuse) }),
    },
  ];
}

function toIpBlocks(nets: string[], notNets: string[], refuse: Refuse): NetworkPolicyPeer[] {
  return nets.map((cidr) => {
    const except = notNets.filter((part) => cidrsOverlap(cidr, part));
    for (const part of except) {
      if (part === cidr || !cidrContains(cidr, part))
        refuse('notNets', part, `ipBlock can except only a part of ${cidr}, and ${part} covers it`);
    }
    return { ipBlock: { cidr, ...(except.length > 0 && { except }) } };
  });
}

/** undefined: all of them. */
function toPorts(protocol: Rule['protocol'], ports: Port[] | undefined, refuse: Refuse): NetworkPolicyPort[] | undefined {
  if (protocol === undefined) return undefined;
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
    refuse('protocol', protocol, `NetworkPolicies know TCP, UDP and SCTP, not ${protocol}`);
    return undefined;
  }
  if (ports === undefined) return [{ protocol }];
  return ports.map((port) => {
    const range = portRange(port);
    return range === undefined || range.first === range.last ? { protocol, port } : { protocol, port: range.first, endPort: range.last };
  });
}

function labelSelector(text: string, path: string, refuse: Refuse): LabelSelector {
  const selector = toLabelSelector(parseSelector(text));
  if (typeof selector !== 'string') return selector;
  refuse(path, text, selector);
  return {};
}
