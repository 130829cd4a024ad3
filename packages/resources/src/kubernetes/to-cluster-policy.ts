import type { GlobalPolicy } from '../object.ts';
import type { Peer } from '../rule/peer.ts';
import { type Port, portRange } from '../rule/port.ts';
import type { Rule } from '../rule/rule.ts';
import { parseSelector } from '../selector/parse.ts';
import {
  ADMIN_TIER,
  BASELINE_TIER,
  CLUSTER_POLICIES,
  type ClusterNetworkPolicy,
  type ClusterPeer,
  type ClusterProtocol,
  type ClusterRule,
  RULE_NAME_ANNOTATION,
} from './cluster-policy.ts';
import { toLabelSelector } from './label-selector.ts';
import type { LabelSelector } from './network-policy.ts';
import type { Inexpressible } from './to-network-policy.ts';

export type ToClusterPolicy = { expressible: true; clusterPolicy: ClusterNetworkPolicy } | { expressible: false; reasons: Inexpressible[] };

type Refuse = (path: string, value: unknown, reason: string) => void;
type RulePeer = ClusterPeer | { networks: string[] };

const ACTIONS = { Allow: 'Accept', Deny: 'Deny', Pass: 'Pass' } as const;
const FIELDS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/**
 * A GlobalPolicy of the tiers `kube-admin` and `kube-baseline` as a ClusterNetworkPolicy of `policy.networking.k8s.io/v1alpha2`, where that
 * can say the same. What {@link fromClusterPolicy} made always comes back, of whichever kind it was, with the same meaning.
 */
export function toClusterPolicy({ metadata, spec }: GlobalPolicy): ToClusterPolicy {
  const reasons: Inexpressible[] = [];
  const refuse: Refuse = (path, value, reason) => {
    reasons.push({ path, value, reason });
  };
  const { tier, order = 1000 } = spec;
  if (tier !== ADMIN_TIER && tier !== BASELINE_TIER) {
    refuse('spec.tier', tier, `ClusterNetworkPolicies are of ${ADMIN_TIER} or ${BASELINE_TIER}`);
  }
  if (spec.staged !== undefined) refuse('spec.staged', spec.staged, 'ClusterNetworkPolicies are always in force');
  if (!Number.isInteger(order) || order < 0 || order > 1000) refuse('spec.order', order, 'priorities are whole numbers from 0 to 1000');
  const subject = toPeer({ selector: spec.selector, namespaceSelector: spec.namespaceSelector ?? 'all()' }, 'spec', refuse) as ClusterPeer;
  const ingress = toRules(spec.ingress, 'ingress', refuse).map(({ peer, ...rule }) => ({ ...rule, from: [peer as ClusterPeer] }));
  const egress = toRules(spec.egress, 'egress', refuse).map(({ peer, ...rule }) => ({ ...rule, to: [peer] }));
  if (reasons.length > 0) return { expressible: false, reasons };
  const { name, labels, annotations } = metadata;
  const prefix = Object.values(CLUSTER_POLICIES).find((known) => name.startsWith(known.prefix))?.prefix ?? '';
  const clusterPolicy: ClusterNetworkPolicy = {
    apiVersion: CLUSTER_POLICIES.ClusterNetworkPolicy.apiVersion,
    kind: 'ClusterNetworkPolicy',
    metadata: {
      name: name.slice(prefix.length),
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: {
      tier: tier === ADMIN_TIER ? 'Admin' : 'Baseline',
      priority: order,
      subject,
      ...(ingress.length > 0 && { ingress }),
      ...(egress.length > 0 && { egress }),
    },
  };
  return { expressible: true, clusterPolicy };
}

function toRules(rules: readonly Rule[], direction: 'ingress' | 'egress', refuse: Refuse): (ClusterRule & { peer: RulePeer })[] {
  const groups: { rule: Rule; parts: Rule[]; index: number }[] = [];
  for (const [index, rule] of rules.entries()) {
    // Rules that differ in ports alone are one rule there, and have to be for a port name, which is of all protocols.
    const last = groups.at(-1);
    if (last !== undefined && rule.protocol !== undefined && last.rule.protocol !== undefined && sameButPorts(last.rule, rule)) {
      last.parts.push(rule);
    } else {
      groups.push({ rule, parts: [rule], index });
    }
  }
  return groups.map(({ rule, parts, index }) =>
    toRule(rule, parts, direction, (path, value, reason) => refuse(`spec.${direction}[${index}].${path}`, value, reason)),
  );
}

function sameButPorts(left: Rule, right: Rule): boolean {
  const text = ({ protocol: _, destination, ...rest }: Rule) => {
    const { ports: __, ...who } = destination ?? {};
    return JSON.stringify([rest, who]);
  };
  return text(left) === text(right);
}

function toRule(rule: Rule, parts: readonly Rule[], direction: 'ingress' | 'egress', refuse: Refuse): ClusterRule & { peer: RulePeer } {
  const { action, metadata, source, destination } = rule;
  if (action === 'Log') refuse('action', action, 'ClusterNetworkPolicies do not log');
  for (const field of ['ipVersion', 'notProtocol', 'icmp', 'notICMP'] as const) {
    if (rule[field] !== undefined) refuse(field, rule[field], `ClusterNetworkPolicies have nothing like ${field}`);
  }
  const { ports: _, ...target } = destination ?? {};
  const [peer, local, peerSide, localSide] =
    direction === 'ingress'
      ? ([source ?? {}, target, 'source', 'destination'] as const)
      : ([target, source ?? {}, 'destination', 'source'] as const);
  for (const [field, value] of Object.entries(local)) {
    if (value !== undefined) refuse(`${localSide}.${field}`, value, 'ClusterNetworkPolicies tell their own end by subject only');
  }
  const protocols = toProtocols(parts, refuse);
  const name = metadata?.annotations[RULE_NAME_ANNOTATION];
  return {
    ...(name !== undefined && { name }),
    action: ACTIONS[action === 'Log' ? 'Deny' : action],
    ...(protocols.length > 0 && { protocols }),
    peer: direction === 'egress' && peer.nets !== undefined ? toNetworks(peer, refuse) : toPeer(peer, peerSide, refuse),
  };
}

function toNetworks({ nets = [], ...rest }: Peer, refuse: Refuse): RulePeer {
  for (const [field, value] of Object.entries(rest)) {
    if (value !== undefined) refuse(`destination.${field}`, value, 'a peer is either networks or selected by labels, with nothing else');
  }
  return { networks: nets };
}

function toPeer({ selector, namespaceSelector, ...rest }: Peer, path: string, refuse: Refuse): ClusterPeer {
  for (const [field, value] of Object.entries(rest)) {
    if (value !== undefined) refuse(`${path}.${field}`, value, `peers there have nothing like ${field}`);
  }
  if (selector === undefined && namespaceSelector === undefined) {
    refuse(path, undefined, 'a peer has to be given: there is none that stands for everybody, inside and outside');
  }
  const namespaces = labelSelector(namespaceSelector ?? 'all()', `${path}.namespaceSelector`, refuse);
  if (selector === undefined || selector === 'all()') return { namespaces };
  return { pods: { namespaceSelector: namespaces, podSelector: labelSelector(selector, `${path}.selector`, refuse) } };
}

function toProtocols(parts: readonly Rule[], refuse: Refuse): ClusterProtocol[] {
  const named = new Map<string, Set<unknown>>();
  const protocols = parts.flatMap(({ protocol, destination }) => {
    if (protocol === undefined) return [];
    if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
      refuse('protocol', protocol, `ClusterNetworkPolicies know TCP, UDP and SCTP, not ${protocol}`);
      return [];
    }
    if (destination?.ports === undefined) refuse('protocol', protocol, 'a protocol there needs ports');
    return (destination?.ports ?? []).flatMap((port: Port): ClusterProtocol[] => {
      const span = portRange(port);
      if (span === undefined) {
        named.set(String(port), (named.get(String(port)) ?? new Set()).add(protocol));
        return [];
      }
      const { first: start, last: end } = span;
      return [{ [FIELDS[protocol]]: { destinationPort: start === end ? { number: start } : { range: { start, end } } } }];
    });
  });
  for (const [name, of] of named) {
    if (of.size === 3) protocols.push({ destinationNamedPort: name });
    else refuse('destination.ports', name, 'a port name there is of TCP, UDP and SCTP, and cannot be of some');
  }
  return protocols;
}

function labelSelector(text: string, path: string, refuse: Refuse): LabelSelector {
  const selector = toLabelSelector(parseSelector(text));
  if (typeof selector !== 'string') return selector;
  refuse(path, text, selector);
  return {};
}
