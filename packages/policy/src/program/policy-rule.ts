import {
  type Action,
  ADDRESS_BITS,
  type Direction,
  type Family,
  familyOf,
  type Icmp,
  type Peer,
  type Port,
  parseSelector,
  portRange,
  protocolNumber,
  type Rule,
  type ServicePort,
  type ServiceSpec,
} from '@weir/resources';
import type { Membership, SelectorSet } from '../membership/membership.ts';
import { EVERYWHERE, endpointsScope, namespaceScope, namespacesScope, type Scope } from '../membership/scope.ts';
import { type NetRanges, netRanges } from '../ranges/net-ranges.ts';
import { type Ranges, union } from '../ranges/range.ts';

/** Names to people a policy, the namespace whose default it was, or an endpoint of a host that cannot be read. */
export interface PolicyName {
  kind: 'Policy' | 'GlobalPolicy' | 'Namespace' | 'HostEndpoint';
  namespace?: string;
  name: string;
}

/** A rule as its policy has it, parsed: `peer` is the far end of the traffic, `local` the end at the endpoint that the policy selects. */
export interface PolicyRule {
  readonly action: Action;
  readonly policy: PolicyName;
  readonly direction: Direction;
  /** Position among the policy's rules of that direction, from 0. */
  readonly index: number;
  readonly ipVersion?: 4 | 6;
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: Icmp;
  readonly notICMP?: Icmp;
  readonly peer: Side;
  readonly local: Side;
  /** The rule names a Service, and this is a part of what it means, by the Service's selector and ports: see {@link policyRules}. */
  readonly ofService?: true;
}

/** The criteria of one end. All have to hold. */
export interface Side {
  readonly nets?: Readonly<Record<Family, NetRanges>>;
  readonly notNets?: Readonly<Record<Family, NetRanges>>;
  /** The endpoint was told that the address is that of a name that one of these takes. Never of the local end. */
  readonly domains?: readonly string[];
  /** The address is in all of these … */
  readonly within: readonly SelectorSet[];
  /** … and in none of these. */
  readonly without: readonly SelectorSet[];
  readonly ports?: PortCriterion;
  readonly notPorts?: PortCriterion;
}

/** Port numbers, and names that stand for numbers only once the endpoint is known. */
export interface PortCriterion {
  readonly ranges: Ranges;
  readonly names: readonly string[];
}

/** The service that a rule names; undefined when there is none. */
export type ServiceLookup = (named: { name: string; namespace: string }) => ServiceSpec | undefined;

/**
 * Parses a rule. The member sets that it holds on to are given back by {@link releaseRule}. One that names a service is several, of which
 * each says a part of what it means: one that never holds, when there is no such service.
 */
export function policyRules(
  rule: Rule,
  at: { policy: PolicyName; direction: Direction; index: number },
  { membership, services }: { membership: Membership; services: ServiceLookup },
): PolicyRule[] {
  const named = serviceOf(rule, at);
  if (named === undefined) return [policyRule(rule, at, membership)];
  const farEnd = at.direction === 'Ingress' ? 'source' : 'destination';
  const parts = serviceParts(services(named), named.namespace, farEnd, membership);
  return parts.map(({ peer, protocol }) => ({
    ...policyRule({ ...rule, [farEnd]: {} }, at, membership),
    ...(protocol !== undefined && { protocol }),
    peer,
    ofService: true,
  }));
}

/** The service that a rule names, with the namespace that is meant. */
export function serviceOf(
  rule: Rule,
  { policy, direction }: { policy: PolicyName; direction: Direction },
): { name: string; namespace: string } | undefined {
  const named = (direction === 'Ingress' ? rule.source : rule.destination)?.services;
  return named && { name: named.name, namespace: named.namespace ?? policy.namespace! };
}

interface ServicePart {
  peer: Side;
  protocol?: number;
}

/** No address is in it. */
const NOWHERE: ServicePart = { peer: { nets: bothFamilies([]), within: [], without: [] } };

/** Its endpoints and its other backends, of where traffic goes to by each protocol with the ports. */
function serviceParts(
  service: ServiceSpec | undefined,
  namespace: string,
  end: 'source' | 'destination',
  membership: Membership,
): [ServicePart, ...ServicePart[]] {
  if (service === undefined) return [NOWHERE];
  const { selector, backends = [], ports } = service;
  const part = (protocol: ServicePort['protocol'] | undefined): ServicePart[] => {
    const targets = ports.filter((port) => port.protocol === protocol).map(({ port, targetPort = port }) => targetPort);
    const numbers = targets.filter((target) => typeof target === 'number');
    const sides: Side[] = [
      ...(selector === undefined
        ? []
        : [{ within: [membership.acquire(parseSelector(selector), endpointsScope(namespace))], without: [], ...withPorts(targets) }]),
      ...(backends.length === 0 || (protocol !== undefined && numbers.length === 0)
        ? []
        : [{ nets: bothFamilies(backends.map(asNet)), within: [], without: [], ...withPorts(numbers) }]),
    ];
    return sides.map((peer) => ({ peer, ...(protocol !== undefined && { protocol: protocolNumber(protocol) }) }));
  };
  const protocols = end === 'source' ? [undefined] : new Set(ports.map(({ protocol }) => protocol));
  const [first = NOWHERE, ...others] = [...protocols].flatMap(part);
  return [first, ...others];
}

function withPorts(ports: Port[]): { ports?: PortCriterion } {
  return ports.length === 0 ? {} : { ports: portCriterion(ports) };
}

function asNet(address: string): string {
  return `${address}/${ADDRESS_BITS[familyOf(address)]}`;
}

function policyRule(rule: Rule, at: { policy: PolicyName; direction: Direction; index: number }, membership: Membership): PolicyRule {
  const source = side(rule.source ?? {}, at.policy.namespace, membership);
  const destination = side(rule.destination ?? {}, at.policy.namespace, membership);
  const [peer, local] = at.direction === 'Ingress' ? [source, destination] : [destination, source];
  return {
    ...at,
    action: rule.action,
    ...(rule.ipVersion !== undefined && { ipVersion: rule.ipVersion }),
    ...(rule.protocol !== undefined && { protocol: protocolNumber(rule.protocol) }),
    ...(rule.notProtocol !== undefined && { notProtocol: protocolNumber(rule.notProtocol) }),
    ...(rule.icmp !== undefined && { icmp: rule.icmp }),
    ...(rule.notICMP !== undefined && { notICMP: rule.notICMP }),
    peer,
    local,
  };
}

export function releaseRule({ peer, local }: PolicyRule, membership: Membership): void {
  for (const set of [...peer.within, ...peer.without, ...local.within, ...local.without]) membership.release(set);
}

function side(peer: Peer, ownNamespace: string | undefined, membership: Membership): Side {
  const within: SelectorSet[] = [];
  const without: SelectorSet[] = [];
  if (peer.selector !== undefined || peer.namespaceSelector !== undefined) {
    within.push(membership.acquire(parseSelector(peer.selector ?? 'all()'), scopeOf(peer, ownNamespace)));
  }
  // What is not taken may be anywhere, so the negation looks in all namespaces.
  if (peer.notSelector !== undefined) without.push(membership.acquire(parseSelector(peer.notSelector), EVERYWHERE));
  return {
    ...(peer.nets !== undefined && { nets: bothFamilies(peer.nets) }),
    ...(peer.notNets !== undefined && { notNets: bothFamilies(peer.notNets) }),
    ...(peer.domains !== undefined && { domains: peer.domains }),
    within,
    without,
    ...(peer.ports !== undefined && { ports: portCriterion(peer.ports) }),
    ...(peer.notPorts !== undefined && { notPorts: portCriterion(peer.notPorts) }),
  };
}

function scopeOf(peer: Peer, ownNamespace: string | undefined): Scope {
  if (peer.namespaceSelector !== undefined) return namespacesScope(peer.namespaceSelector);
  return ownNamespace === undefined ? EVERYWHERE : namespaceScope(ownNamespace);
}

function bothFamilies(cidrs: string[]): Record<Family, NetRanges> {
  return { IPv4: netRanges(cidrs, 'IPv4'), IPv6: netRanges(cidrs, 'IPv6') };
}

function portCriterion(ports: Port[]): PortCriterion {
  const spans = ports.map((port) => ({ port, span: portRange(port) }));
  return {
    ranges: union(spans.flatMap(({ span }) => (span === undefined ? [] : [[span.first, span.last] as const]))),
    names: [...new Set(spans.flatMap(({ port, span }) => (span === undefined ? [String(port)] : [])))].sort(),
  };
}
