import {
  type AnyObject,
  cidrContains,
  type Direction,
  type Endpoint,
  familyOf,
  type GlobalPolicy,
  matches,
  namespaceLabels,
  type Peer,
  type Policy,
  type Port,
  parseSelector,
  portRange,
  protocolNumber,
  type Rule,
} from '@weir/resources';
import type { Packet } from './packet.ts';

/**
 * What policy means, said as plainly as can be and without a thought for speed: for each policy in order, for each rule in order. The
 * calculator is tested against it.
 */
export function reference(
  objects: readonly AnyObject[],
  endpoint: Endpoint,
  direction: Direction,
  packet: Packet,
): { verdict: 'Allow' | 'Deny'; logged: string[] } {
  const logged: string[] = [];
  const policies = objects
    .filter((object): object is Policy | GlobalPolicy => object.kind === 'Policy' || object.kind === 'GlobalPolicy')
    .filter((policy) => policy.spec.types.includes(direction) && selects(objects, policy, endpoint))
    .sort(inOrder);
  if (policies.length === 0) return { verdict: defaultAction(objects, endpoint), logged };
  for (const policy of policies) {
    const rules = direction === 'Ingress' ? policy.spec.ingress : policy.spec.egress;
    for (const [index, rule] of rules.entries()) {
      if (!ruleMatches(objects, policy, rule, endpoint, direction, packet)) continue;
      if (rule.action === 'Pass') return { verdict: defaultAction(objects, endpoint), logged };
      if (rule.action !== 'Log') return { verdict: rule.action, logged };
      const { namespace, name } = policy.metadata;
      logged.push(`weir ${policy.kind} ${namespace === undefined ? name : `${namespace}/${name}`} ${direction} ${index}: `);
    }
  }
  return { verdict: 'Deny', logged };
}

function inOrder(left: Policy | GlobalPolicy, right: Policy | GlobalPolicy): number {
  const [one, other] = [left.spec.order ?? Number.POSITIVE_INFINITY, right.spec.order ?? Number.POSITIVE_INFINITY];
  if (one !== other) return one < other ? -1 : 1;
  const text = ({ kind, metadata }: Policy | GlobalPolicy) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`;
  return text(left) < text(right) ? -1 : 1;
}

function defaultAction(objects: readonly AnyObject[], endpoint: Endpoint): 'Allow' | 'Deny' {
  const namespace = objects.find((object) => object.kind === 'Namespace' && object.metadata.name === endpoint.metadata.namespace);
  const says = [endpoint.spec.defaultAction, namespace?.kind === 'Namespace' ? namespace.spec.defaultAction : undefined];
  return says.includes('Deny') ? 'Deny' : 'Allow';
}

function namespaceTaken(objects: readonly AnyObject[], selector: string, namespace: string): boolean {
  if (selector === 'global()') return false;
  if (selector === '!global()') return true;
  const object = objects.find(({ kind, metadata }) => kind === 'Namespace' && metadata.name === namespace);
  return matches(parseSelector(selector), namespaceLabels(namespace, object));
}

function selects(objects: readonly AnyObject[], policy: Policy | GlobalPolicy, endpoint: Endpoint): boolean {
  if (!matches(parseSelector(policy.spec.selector), endpoint.metadata.labels)) return false;
  if (policy.kind === 'Policy') return policy.metadata.namespace === endpoint.metadata.namespace;
  const { namespaceSelector } = policy.spec;
  return namespaceSelector === undefined || namespaceTaken(objects, namespaceSelector, endpoint.metadata.namespace!);
}

function ruleMatches(
  objects: readonly AnyObject[],
  policy: Policy | GlobalPolicy,
  rule: Rule,
  endpoint: Endpoint,
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
    owners: isLocal ? [endpoint] : endpoints(objects).filter(({ spec }) => spec.addresses.includes(address)),
  });
  const source = at(packet.source, packet.sourcePort, direction === 'Egress');
  const destination = at(packet.destination, packet.destinationPort, direction === 'Ingress');
  const own = policy.metadata.namespace;
  return endMatches(objects, own, rule.source ?? {}, source) && endMatches(objects, own, rule.destination ?? {}, destination);
}

interface End {
  address: string;
  port: number | undefined;
  protocol: number;
  /** Whose named ports count. */
  owners: Endpoint[];
}

function endMatches(objects: readonly AnyObject[], own: string | undefined, peer: Peer, end: End): boolean {
  const { nets, notNets, selector, notSelector, namespaceSelector, ports, notPorts } = peer;
  if (nets !== undefined && !nets.some((net) => cidrContains(net, end.address))) return false;
  if (notNets?.some((net) => cidrContains(net, end.address))) return false;
  const isMember = (text: string, isInScope: (namespace: string) => boolean) =>
    objects.some((object) => {
      if (object.kind !== 'Endpoint' && object.kind !== 'NetworkSet') return false;
      if (!matches(parseSelector(text), object.metadata.labels) || !isInScope(object.metadata.namespace!)) return false;
      if (object.kind === 'Endpoint') return object.spec.addresses.includes(end.address);
      return object.spec.nets.some((net) => cidrContains(net, end.address));
    });
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

function endpoints(objects: readonly AnyObject[]): Endpoint[] {
  return objects.filter((object) => object.kind === 'Endpoint');
}
