import {
  type AnyObject,
  CLUSTER_LABEL,
  cidrContains,
  type Direction,
  type Endpoint,
  familyOf,
  type GlobalPolicy,
  type HostEndpoint,
  type Labels,
  matches,
  type NamedPort,
  type Namespace,
  namespaceLabels,
  type Peer,
  type Policy,
  type Port,
  parseSelector,
  portRange,
  protocolNumber,
  type RemoteCluster,
  type RemoteEndpoint,
  type Rule,
  type Service,
  type Tier,
} from '@weir/resources';
import type { Packet } from './packet.ts';

/** The names that DNS gave an address for, to an endpoint. */
export type Told = (endpoint: Endpoint, address: string) => readonly string[];

/** A rule that a packet met, with the policy that it is of. */
export interface MetRule {
  policy: Policy | GlobalPolicy;
  rule: Rule;
}

export interface ReferenceVerdict {
  verdict: 'Allow' | 'Deny';
  logged: string[];
  /** In their order: those that log or pass on, and the one that decided. */
  met: MetRule[];
}

/**
 * What policy means, said as plainly as can be and without a thought for speed: for each policy in order, for each rule in order. The
 * calculator is tested against it.
 */
export function reference(
  objects: readonly AnyObject[],
  endpoint: Endpoint | HostEndpoint,
  direction: Direction,
  packet: Packet,
  { staged = false, forwarded = false, told = () => [] }: { staged?: boolean; forwarded?: boolean; told?: Told } = {},
): ReferenceVerdict {
  const logged: string[] = [];
  const met: MetRule[] = [];
  const result = (verdict: 'Allow' | 'Deny'): ReferenceVerdict => ({ verdict, logged, met });
  const policies = objects
    .filter((object): object is Policy | GlobalPolicy => object.kind === 'Policy' || object.kind === 'GlobalPolicy')
    .filter((policy) => policy.spec.types.includes(direction) && selects(objects, policy, endpoint))
    .filter((policy) => staged || !policy.spec.staged)
    .filter((policy) => !forwarded || (policy.kind === 'GlobalPolicy' && policy.spec.applyOnForward))
    .sort(inOrder);
  const tiers = tiersInOrder(objects);
  if (policies.some(({ spec }) => !tiers.some(({ name }) => name === (spec.tier ?? 'default')))) return result('Deny');
  evaluation: for (const tier of tiers) {
    const own = policies.filter(({ spec }) => (spec.tier ?? 'default') === tier.name);
    if (own.length === 0) continue;
    for (const policy of own) {
      const rules = direction === 'Ingress' ? policy.spec.ingress : policy.spec.egress;
      for (const [index, rule] of rules.entries()) {
        const isUnsure = forwarded || isUnknown(endpoint, direction === 'Ingress' ? packet.destination : packet.source);
        const end = direction === 'Ingress' ? 'destination' : 'source';
        if (isUnsure && ADDRESS_CRITERIA.some((criterion) => rule[end]?.[criterion] !== undefined)) {
          // Whether the rule means that address cannot be known, so it forbids and does not allow.
          if (rule.action === 'Allow' || rule.action === 'Log') continue;
          const ofPorts = { ...rule, [end]: { ports: rule[end]?.ports, notPorts: rule[end]?.notPorts } };
          if (ruleMatches(objects, policy, ofPorts, endpoint, direction, packet)) return result('Deny');
          continue;
        }
        if (!ruleMatches(objects, policy, rule, endpoint, direction, packet)) continue;
        if (!domainsMatch(rule, endpoint.kind === 'Endpoint' ? told(endpoint, packet.destination) : [])) continue;
        met.push({ policy, rule });
        if (rule.action === 'Pass') continue evaluation;
        if (rule.action !== 'Log') return result(rule.action);
        const { namespace, name } = policy.metadata;
        logged.push(`weir ${policy.kind} ${namespace === undefined ? name : `${namespace}/${name}`} ${direction} ${index}: `);
      }
    }
    if (tier.defaultAction === 'Deny') return result('Deny');
  }
  const peer = direction === 'Ingress' ? packet.source : packet.destination;
  if (endpoint.kind === 'HostEndpoint') return result(forwarded ? 'Allow' : endpoint.spec.defaultAction);
  return result(defaultVerdict(objects, endpoint, direction, peer));
}

const ADDRESS_CRITERIA = ['nets', 'notNets', 'selector', 'notSelector', 'namespaceSelector'] as const;

/** Hosts have addresses that nobody told of. */
function isUnknown(endpoint: Endpoint | HostEndpoint, address: string): boolean {
  return endpoint.kind === 'HostEndpoint' && !endpoint.spec.expectedIPs.includes(address);
}

function domainsMatch({ destination }: Rule, names: readonly string[]): boolean {
  if (destination?.domains === undefined) return true;
  return destination.domains.some((domain) =>
    names.some((name) => (domain.startsWith('*') ? name.endsWith(domain.slice(1)) && name !== domain.slice(1) : name === domain)),
  );
}

function tiersInOrder(objects: readonly AnyObject[]): { name: string; order: number; defaultAction: 'Deny' | 'Pass' }[] {
  const own = objects
    .filter((object): object is Tier => object.kind === 'Tier')
    .map(({ metadata, spec }) => ({
      name: metadata.name,
      order: spec.order ?? Number.POSITIVE_INFINITY,
      defaultAction: spec.defaultAction,
    }));
  const builtIn = [
    { name: 'kube-admin', order: 1000, defaultAction: 'Pass' as const },
    { name: 'default', order: 1_000_000, defaultAction: 'Deny' as const },
    { name: 'kube-baseline', order: 10_000_000, defaultAction: 'Pass' as const },
  ];
  return [...builtIn, ...own].sort((left, right) =>
    left.order !== right.order ? (left.order < right.order ? -1 : 1) : left.name < right.name ? -1 : 1,
  );
}

function inOrder(left: Policy | GlobalPolicy, right: Policy | GlobalPolicy): number {
  const [one, other] = [left.spec.order ?? Number.POSITIVE_INFINITY, right.spec.order ?? Number.POSITIVE_INFINITY];
  if (one !== other) return one < other ? -1 : 1;
  const text = ({ kind, metadata }: Policy | GlobalPolicy) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`;
  return text(left) < text(right) ? -1 : 1;
}

function namespaceObject(objects: readonly AnyObject[], name: string): Namespace | undefined {
  return objects.find((object): object is Namespace => object.kind === 'Namespace' && object.metadata.name === name);
}

function defaultVerdict(objects: readonly AnyObject[], endpoint: Endpoint, direction: Direction, peer: string): 'Allow' | 'Deny' {
  const home = endpoint.metadata.namespace!;
  const spec = namespaceObject(objects, home)?.spec;
  const action = (direction === 'Ingress' ? spec?.defaultIngress : spec?.defaultEgress) ?? spec?.defaultAction ?? 'Allow';
  if (endpoint.spec.defaultAction === 'Deny') return 'Deny';
  if (action !== 'SameNamespace') return action;
  return objects.some((object) => object.metadata.namespace === home && hasAddress(object, peer)) ? 'Allow' : 'Deny';
}

/** Whether it is believed that an endpoint of another cluster has the address. */
function hasRemoteAddress(objects: readonly AnyObject[], { spec }: RemoteEndpoint, address: string): boolean {
  const clusters = objects.filter((object): object is RemoteCluster => object.kind === 'RemoteCluster');
  const declare = clusters.filter((one) => one.spec.cidrs.some((cidr) => cidrContains(cidr, address)));
  const isOwn = objects.some((object) => object.kind === 'Pool' && cidrContains(object.spec.cidr, address));
  return spec.addresses.includes(address) && !isOwn && declare.length === 1 && declare[0]!.metadata.name === spec.cluster;
}

/** Whether an endpoint has the address, or a network set holds it. */
function hasAddress(object: AnyObject, address: string): boolean {
  if (object.kind === 'Endpoint') return object.spec.addresses.includes(address);
  if (object.kind === 'HostEndpoint') return object.spec.expectedIPs.includes(address);
  const isSet = object.kind === 'NetworkSet' || object.kind === 'GlobalNetworkSet';
  return isSet && object.spec.nets.some((net) => cidrContains(net, address));
}

function labelsOf(objects: readonly AnyObject[], object: AnyObject): Labels {
  const { kind, metadata } = object;
  if (kind === 'RemoteEndpoint') return { ...metadata.labels, [CLUSTER_LABEL]: object.spec.cluster };
  const inherited = kind === 'Endpoint' ? namespaceObject(objects, metadata.namespace!)?.spec.labelsToApply : {};
  const { [CLUSTER_LABEL]: _, ...labels } = { ...inherited, ...metadata.labels };
  return labels;
}

/** What is in no namespace is taken only by a selector that says `global()`. */
function namespaceTaken(objects: readonly AnyObject[], selector: string, namespace: string | undefined): boolean {
  if (selector === 'global()') return namespace === undefined;
  if (selector === '!global()') return namespace !== undefined;
  if (selector === 'global() || team == "a"') return namespace === undefined || namespaceTaken(objects, 'team == "a"', namespace);
  if (namespace === undefined) return false;
  return matches(parseSelector(selector), namespaceLabels(namespace, namespaceObject(objects, namespace)));
}

/** Whether a policy is for an endpoint. */
export function selects(objects: readonly AnyObject[], policy: Policy | GlobalPolicy, endpoint: Endpoint | HostEndpoint): boolean {
  if (!matches(parseSelector(policy.spec.selector), labelsOf(objects, endpoint))) return false;
  if (policy.kind === 'Policy') return policy.metadata.namespace === endpoint.metadata.namespace;
  const { namespaceSelector } = policy.spec;
  return namespaceSelector === undefined || namespaceTaken(objects, namespaceSelector, endpoint.metadata.namespace);
}

/** Whether all that a rule says holds for a packet of the endpoint; what it says of DNS names is not asked. */
export function ruleMatches(
  objects: readonly AnyObject[],
  policy: Policy | GlobalPolicy,
  rule: Rule,
  endpoint: Endpoint | HostEndpoint,
  direction: Direction,
  packet: Packet,
): boolean {
  const isFour = familyOf(packet.source) === 'IPv4';
  if (rule.ipVersion !== undefined && rule.ipVersion !== (isFour ? 4 : 6)) return false;
  if (rule.protocol !== undefined && protocolNumber(rule.protocol) !== packet.protocol) return false;
  if (rule.notProtocol !== undefined && protocolNumber(rule.notProtocol) === packet.protocol) return false;
  const isIcmp = packet.protocol === (isFour ? 1 : 58);
  const isMessage = ({ type, code }: { type: number; code?: number }) =>
    isIcmp && packet.icmpType === type && (code === undefined || packet.icmpCode === code);
  if (rule.icmp !== undefined && !isMessage(rule.icmp)) return false;
  if (rule.notICMP !== undefined && isMessage(rule.notICMP)) return false;
  const at = (address: string, port: number | undefined, isLocal: boolean): End => ({
    address,
    port,
    protocol: packet.protocol,
    owners: isLocal ? [endpoint] : objects.filter(isEndpoint).filter((object) => hasAddress(object, address)),
  });
  const source = at(packet.source, packet.sourcePort, direction === 'Egress');
  const destination = at(packet.destination, packet.destinationPort, direction === 'Ingress');
  const own = policy.metadata.namespace;
  const [far, farEnd] = direction === 'Ingress' ? ([rule.source, source] as const) : ([rule.destination, destination] as const);
  if (far?.services !== undefined && !isBackend(objects, { namespace: own!, ...far.services }, farEnd, direction === 'Egress'))
    return false;
  return endMatches(objects, own, rule.source ?? {}, source) && endMatches(objects, own, rule.destination ?? {}, destination);
}

/** Whether a service has a backend at the address and, with `withPorts`, one of its ports leads to that port there. */
function isBackend(objects: readonly AnyObject[], named: { namespace: string; name: string }, end: End, withPorts: boolean): boolean {
  const service = objects.find(
    (object): object is Service =>
      object.kind === 'Service' && object.metadata.name === named.name && object.metadata.namespace === named.namespace,
  );
  if (service === undefined) return false;
  const { selector, backends = [], ports } = service.spec;
  const leads = (own: readonly NamedPort[]) =>
    ports.some((port) => protocolNumber(port.protocol) === end.protocol && (port.targetPort ?? port.port) === end.port) ||
    ports.some(
      ({ protocol, targetPort }) =>
        protocolNumber(protocol) === end.protocol &&
        own.some((one) => one.name === targetPort && one.protocol === protocol && one.port === end.port),
    );
  const isThere = (object: AnyObject) =>
    object.kind === 'RemoteEndpoint'
      ? selector!.includes(CLUSTER_LABEL) && hasRemoteAddress(objects, object, end.address)
      : object.kind === 'Endpoint' && object.spec.addresses.includes(end.address);
  const isSelected = (object: AnyObject) =>
    selector !== undefined &&
    object.metadata.namespace === named.namespace &&
    isThere(object) &&
    matches(parseSelector(selector), labelsOf(objects, object));
  if (backends.includes(end.address) && (!withPorts || leads([]))) return true;
  // A name is looked up among the ports of all who claim the address for a while.
  const ownPorts = end.owners.flatMap(({ spec }) => spec.ports);
  return objects.some(isSelected) && (!withPorts || leads(ownPorts));
}

interface End {
  address: string;
  port: number | undefined;
  protocol: number;
  /** Whose named ports count. */
  owners: (Endpoint | HostEndpoint)[];
}

function endMatches(objects: readonly AnyObject[], own: string | undefined, peer: Peer, end: End): boolean {
  const { nets, notNets, selector, notSelector, namespaceSelector, ports, notPorts } = peer;
  if (nets !== undefined && !nets.some((net) => cidrContains(net, end.address))) return false;
  if (notNets?.some((net) => cidrContains(net, end.address))) return false;
  const isMember = (text: string, isInScope: (namespace: string | undefined) => boolean) =>
    objects.some(
      (object) =>
        (object.kind === 'RemoteEndpoint'
          ? text.includes(CLUSTER_LABEL) && hasRemoteAddress(objects, object, end.address)
          : hasAddress(object, end.address)) &&
        matches(parseSelector(text), labelsOf(objects, object)) &&
        isInScope(object.metadata.namespace),
    );
  if (namespaceSelector !== undefined) {
    if (!isMember(selector ?? 'all()', (namespace) => namespaceTaken(objects, namespaceSelector, namespace))) return false;
  } else if (selector !== undefined) {
    if (!isMember(selector, (namespace) => own === undefined || own === namespace)) return false;
  }
  if (notSelector !== undefined && isMember(notSelector, () => true)) return false;
  const isAmong = (list: Port[]) => end.port !== undefined && list.some((port) => portMatches(port, end.port!, end));
  return !(ports !== undefined && !isAmong(ports)) && !(notPorts !== undefined && isAmong(notPorts));
}

function portMatches(port: Port, number: number, { owners, protocol }: End): boolean {
  const span = portRange(port);
  if (span !== undefined) return span.first <= number && number <= span.last;
  const all = owners.flatMap(({ spec }) => spec.ports);
  return all.some((named) => named.name === port && named.port === number && protocolNumber(named.protocol) === protocol);
}

function isEndpoint(object: AnyObject): object is Endpoint | HostEndpoint {
  return object.kind === 'Endpoint' || object.kind === 'HostEndpoint';
}
