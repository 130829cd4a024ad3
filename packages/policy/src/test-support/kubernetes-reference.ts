/**
 * What Kubernetes says that its policies mean, on its own objects: the descriptions of the API's fields, said as plainly as can be. What
 * becomes of them here is tested against it, past their conversion.
 */
import { cidrContains, type Direction, type Endpoint, type Labels, type Namespace, protocolNumber } from '@weir/resources';
import type { Packet } from './packet.ts';

export interface LabelSelector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[];
}

type PortName = 'TCP' | 'UDP' | 'SCTP';

export interface NetworkPolicyRule {
  from?: NetworkPolicyPeer[];
  to?: NetworkPolicyPeer[];
  ports?: { protocol?: PortName; port?: number | string; endPort?: number }[];
}

export interface NetworkPolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: string[] };
}

export interface NetworkPolicyObject {
  apiVersion: 'networking.k8s.io/v1' | 'extensions/v1beta1';
  kind: 'NetworkPolicy';
  metadata: { name: string; namespace: string };
  spec: { podSelector: LabelSelector; policyTypes?: Direction[]; ingress?: NetworkPolicyRule[]; egress?: NetworkPolicyRule[] };
}

type Subject = { namespaces?: LabelSelector; pods?: { namespaceSelector?: LabelSelector; podSelector: LabelSelector } };
type NumberOrRange = { number?: number; range?: { start: number; end: number } };

export interface ClusterRule {
  action: 'Allow' | 'Accept' | 'Deny' | 'Pass';
  from?: Subject[];
  to?: (Subject & { networks?: string[] })[];
  /** Of the two kinds of v1alpha1. */
  ports?: {
    portNumber?: { protocol?: PortName; port: number };
    portRange?: { protocol?: PortName; start: number; end: number };
    namedPort?: string;
  }[];
  /** Of ClusterNetworkPolicy. */
  protocols?: ({ [P in 'tcp' | 'udp' | 'sctp']?: { destinationPort: NumberOrRange } } & { destinationNamedPort?: string })[];
}

export interface ClusterPolicyObject {
  apiVersion: string;
  kind: 'AdminNetworkPolicy' | 'BaselineAdminNetworkPolicy' | 'ClusterNetworkPolicy';
  metadata: { name: string };
  spec: { tier?: 'Admin' | 'Baseline'; priority?: number; subject: Subject; ingress?: ClusterRule[]; egress?: ClusterRule[] };
}

export type KubernetesPolicy = NetworkPolicyObject | ClusterPolicyObject;

/** What there is beside policies. An endpoint is a pod. */
export interface KubernetesWorld {
  namespaces: readonly Namespace[];
  pods: readonly Endpoint[];
}

/** @returns with the kind of policy that decided; undefined: none did, so it is allowed */
export function kubernetesVerdict(
  policies: readonly KubernetesPolicy[],
  world: KubernetesWorld,
  pod: Endpoint,
  direction: Direction,
  packet: Packet,
): { verdict: 'Allow' | 'Deny'; by?: string } {
  const cluster = policies
    .filter((policy): policy is ClusterPolicyObject => policy.kind !== 'NetworkPolicy')
    .filter(({ spec }) => isAmong(world, [pod], spec.subject))
    // A BaselineAdminNetworkPolicy has no priority. It is not told what comes first; here it is what has one.
    .sort((left, right) => (left.spec.priority ?? 1001) - (right.spec.priority ?? 1001));
  const decided = (of: readonly ClusterPolicyObject[]) => {
    for (const { kind, spec } of of) {
      for (const rule of (direction === 'Ingress' ? spec.ingress : spec.egress) ?? []) {
        if (!clusterRuleTakes(rule, world, direction, packet)) continue;
        if (rule.action === 'Pass') return undefined;
        return { verdict: rule.action === 'Deny' ? ('Deny' as const) : ('Allow' as const), by: kind };
      }
    }
    return undefined;
  };
  const isBaseline = ({ kind, spec }: ClusterPolicyObject) => kind === 'BaselineAdminNetworkPolicy' || spec.tier === 'Baseline';
  const byAdmin = decided(cluster.filter((policy) => !isBaseline(policy)));
  if (byAdmin !== undefined) return byAdmin;
  const own = policies
    .filter((policy): policy is NetworkPolicyObject => policy.kind === 'NetworkPolicy')
    .filter(({ metadata, spec }) => metadata.namespace === pod.metadata.namespace && takes(spec.podSelector, pod.metadata.labels))
    .filter(({ spec }) => typesOf(spec).includes(direction));
  if (own.length > 0) {
    const rules = own.flatMap(({ spec }) => (direction === 'Ingress' ? spec.ingress : spec.egress) ?? []);
    const by = own.map(({ apiVersion }) => apiVersion).sort()[0]!;
    const isAllowed = own.some(({ metadata, spec }) =>
      ((direction === 'Ingress' ? spec.ingress : spec.egress) ?? []).some((rule) =>
        ruleTakes(rule, metadata.namespace, world, direction, packet),
      ),
    );
    return { verdict: isAllowed ? 'Allow' : 'Deny', by: rules.length === 0 ? `${by} without rules` : by };
  }
  return decided(cluster.filter(isBaseline)) ?? { verdict: 'Allow' };
}

/** "If this field is not specified, it will default based on the existence of ingress or egress rules." */
function typesOf({ policyTypes, egress }: NetworkPolicyObject['spec']): Direction[] {
  if (policyTypes !== undefined && policyTypes.length > 0) return policyTypes;
  return egress !== undefined && egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function takes({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const isListed = value !== undefined && values.includes(value);
      return operator === 'In' ? isListed : !isListed;
    })
  );
}

function namespaceTakes(selector: LabelSelector, name: string, { namespaces }: KubernetesWorld): boolean {
  const own = namespaces.find(({ metadata }) => metadata.name === name)?.metadata.labels;
  return takes(selector, { ...own, 'kubernetes.io/metadata.name': name });
}

function podsAt({ pods }: KubernetesWorld, address: string): Endpoint[] {
  return pods.filter(({ spec }) => spec.addresses.includes(address));
}

/** An empty or missing list of peers, or of ports, is everybody, or every port. */
function ruleTakes(
  { from, to, ports = [] }: NetworkPolicyRule,
  namespace: string,
  world: KubernetesWorld,
  direction: Direction,
  packet: Packet,
): boolean {
  const peers = (direction === 'Ingress' ? from : to) ?? [];
  const peer = direction === 'Ingress' ? packet.source : packet.destination;
  const isPeer = ({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer) => {
    if (ipBlock !== undefined) return cidrContains(ipBlock.cidr, peer) && !(ipBlock.except ?? []).some((part) => cidrContains(part, peer));
    return podsAt(world, peer).some(
      ({ metadata }) =>
        (namespaceSelector === undefined
          ? metadata.namespace === namespace
          : namespaceTakes(namespaceSelector, metadata.namespace!, world)) && takes(podSelector ?? {}, metadata.labels),
    );
  };
  const isPort = ({ protocol = 'TCP', port, endPort }: NonNullable<NetworkPolicyRule['ports']>[number]) => {
    if (protocolNumber(protocol) !== packet.protocol) return false;
    if (port === undefined) return true;
    if (typeof port === 'string') return isNamedPort(port, world, packet);
    return port <= packet.destinationPort! && packet.destinationPort! <= (endPort ?? port);
  };
  return (peers.length === 0 || peers.some(isPeer)) && (ports.length === 0 || ports.some(isPort));
}

/** Of the pod that the packet goes to, in both directions. */
function isNamedPort(name: string, world: KubernetesWorld, { destination, destinationPort, protocol }: Packet): boolean {
  return podsAt(world, destination)
    .flatMap(({ spec }) => spec.ports)
    .some((named) => named.name === name && named.port === destinationPort && protocolNumber(named.protocol) === protocol);
}

function isAmong(world: KubernetesWorld, pods: readonly Endpoint[], { namespaces, pods: selected }: Subject): boolean {
  return pods.some(({ metadata }) => {
    if (namespaces !== undefined) return namespaceTakes(namespaces, metadata.namespace!, world);
    return (
      selected !== undefined &&
      namespaceTakes(selected.namespaceSelector ?? {}, metadata.namespace!, world) &&
      takes(selected.podSelector, metadata.labels)
    );
  });
}

function clusterRuleTakes(
  { from = [], to = [], ports = [], protocols = [] }: ClusterRule,
  world: KubernetesWorld,
  direction: Direction,
  packet: Packet,
): boolean {
  const peer = direction === 'Ingress' ? packet.source : packet.destination;
  const isPeer = (one: Subject & { networks?: string[] }) =>
    one.networks === undefined ? isAmong(world, podsAt(world, peer), one) : one.networks.some((net) => cidrContains(net, peer));
  const { destinationPort = 0 } = packet;
  const isOf = (protocol: PortName) => protocolNumber(protocol) === packet.protocol;
  const isWithin = ({ start, end }: { start: number; end: number }) => start <= destinationPort && destinationPort <= end;
  const isPort = ({ portNumber, portRange, namedPort }: NonNullable<ClusterRule['ports']>[number]) => {
    if (portNumber !== undefined) return isOf(portNumber.protocol ?? 'TCP') && portNumber.port === destinationPort;
    if (portRange !== undefined) return isOf(portRange.protocol ?? 'TCP') && isWithin(portRange);
    return isNamedPort(namedPort!, world, packet);
  };
  const isProtocol = ({ tcp, udp, sctp, destinationNamedPort }: NonNullable<ClusterRule['protocols']>[number]) => {
    if (destinationNamedPort !== undefined) return isNamedPort(destinationNamedPort, world, packet);
    return (
      [
        ['TCP', tcp],
        ['UDP', udp],
        ['SCTP', sctp],
      ] as const
    ).some(
      ([name, given]) =>
        given !== undefined &&
        isOf(name) &&
        (given.destinationPort.number === destinationPort ||
          (given.destinationPort.range !== undefined && isWithin(given.destinationPort.range))),
    );
  };
  const isAnyPort = ports.length + protocols.length === 0;
  return (direction === 'Ingress' ? from : to).some(isPeer) && (isAnyPort || ports.some(isPort) || protocols.some(isProtocol));
}
