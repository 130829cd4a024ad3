import { type Direction, type Family, familyOf, matches, protocolNumber } from '@weir/resources';
import type { Member } from '../membership/member.ts';
import type { MemberSet } from '../membership/member-set.ts';
import { type Membership, type SelectorSet, setHolds } from '../membership/membership.ts';
import type { ParsedFlow } from '../program/flow.ts';
import type { PolicyRule, PortCriterion, Side } from '../program/policy-rule.ts';
import { planeOf } from '../program/traffic.ts';
import { netRangesContain } from '../ranges/net-ranges.ts';
import { contains } from '../ranges/range.ts';
import { ICMP_PLANE, type Plane, PORT_PLANE } from '../ranges/region.ts';

type SideField = 'nets' | 'notNets' | 'domains' | 'services' | 'selector' | 'notSelector' | 'namespaceSelector' | 'ports' | 'notPorts';

/** A field of a rule that does not hold for a flow, as a path in the rule. `selector`: no such labels; `namespaceSelector`: such labels, in a namespace where the rule does not look. */
export type Criterion = 'ipVersion' | 'protocol' | 'notProtocol' | 'icmp' | 'notICMP' | `${'source' | 'destination'}.${SideField}`;

export interface Trial {
  readonly flow: ParsedFlow;
  readonly direction: Direction;
  /** The endpoint that the policy selects, at its address. */
  readonly member: Member;
  /** The endpoint's end has an address that nobody told of: whether a rule that names its addresses means it cannot be known. */
  readonly isUntold?: boolean;
  readonly membership: Membership;
}

/** Why a rule does not match a flow: every criterion that fails. Empty where it matches. */
export function mismatches(rule: PolicyRule, trial: Trial): Criterion[] {
  const { flow, direction, member, isUntold = false, membership } = trial;
  const family = familyOf(flow.source);
  const [local, peer] = direction === 'Ingress' ? (['destination', 'source'] as const) : (['source', 'destination'] as const);
  const domainSet = (domains: readonly string[]) => membership.domainSet(member, domains);
  const isMember = (set: SelectorSet) => set.members.has(member);
  const localEnd: End = { address: flow[local], port: portAt(flow, local), owners: [member], isAlso: isMember, domainSet };
  const peerEnd: End = {
    address: flow[peer],
    port: portAt(flow, peer),
    owners: [...membership.membersAt(flow[peer])],
    isAlso: () => false,
    domainSet,
  };
  const plane = planeOf(flow.protocol, family);
  const failing: Record<'source' | 'destination', Criterion[]> = { source: [], destination: [] };
  for (const [name, side, end] of [
    [peer, rule.peer, peerEnd],
    [local, rule.local, localEnd],
  ] as const) {
    const fields =
      isUntold && end === localEnd
        ? untoldMismatches(rule, end, { protocol: flow.protocol, plane })
        : sideMismatches(side, end, { family, protocol: flow.protocol, plane });
    failing[name] = fields.map((field): Criterion => `${name}.${field}`);
  }
  const traffic = trafficMismatches(rule, flow, family, plane);
  if (!rule.ofService) return [...traffic, ...failing.source, ...failing.destination];
  // What the service says of ports and protocols is not in the rule.
  const ofRule = peer === 'source' ? traffic : traffic.filter((criterion) => criterion !== 'protocol');
  const isOther = failing[peer].length > 0 || ofRule.length < traffic.length;
  return [...ofRule, ...failing[local], ...(isOther ? [`${peer}.services` as const] : [])];
}

interface End {
  readonly address: string;
  readonly port: number;
  /** Endpoints that have the address. */
  readonly owners: readonly Member[];
  /** Belongs to a set otherwise than by its address. */
  isAlso(set: SelectorSet): boolean;
  /** What the endpoint that the policy selects was told by DNS. */
  domainSet(domains: readonly string[]): MemberSet;
}

function portAt({ first, second }: ParsedFlow, end: 'source' | 'destination'): number {
  return end === 'source' ? first : second;
}

function trafficMismatches(rule: PolicyRule, { protocol, first, second }: ParsedFlow, family: Family, plane: Plane): Criterion[] {
  const { ipVersion, icmp, notICMP } = rule;
  const isMessage = ({ type, code }: { type: number; code?: number }) =>
    plane === ICMP_PLANE && type === first && (code === undefined || code === second);
  const failing: Criterion[] = [];
  if (ipVersion !== undefined && ipVersion !== (family === 'IPv4' ? 4 : 6)) failing.push('ipVersion');
  if (rule.protocol !== undefined && rule.protocol !== protocol) failing.push('protocol');
  if (rule.notProtocol === protocol) failing.push('notProtocol');
  if (icmp !== undefined && !isMessage(icmp)) failing.push('icmp');
  if (notICMP !== undefined && isMessage(notICMP)) failing.push('notICMP');
  return failing;
}

function sideMismatches(
  { nets, notNets, domains, within, without, ports, notPorts }: Side,
  end: End,
  { family, protocol, plane }: { family: Family; protocol: number; plane: Plane },
): SideField[] {
  const isIn = (set: SelectorSet) => end.isAlso(set) || setHolds(set, end.address);
  const isAmong = (criterion: PortCriterion) => plane === PORT_PLANE && hasPort(criterion, end, protocol);
  const failing: SideField[] = [];
  if (nets !== undefined && !netRangesContain(nets[family], end.address)) failing.push('nets');
  if (notNets !== undefined && netRangesContain(notNets[family], end.address)) failing.push('notNets');
  if (domains !== undefined && !setHolds(end.domainSet(domains), end.address)) failing.push('domains');
  for (const set of within) {
    if (isIn(set)) continue;
    const hasLabels = end.owners.some(({ labels }) => matches(set.selector, labels));
    failing.push(hasLabels ? 'namespaceSelector' : 'selector');
  }
  if (without.some(isIn)) failing.push('notSelector');
  if (ports !== undefined && !isAmong(ports)) failing.push('ports');
  if (notPorts !== undefined && isAmong(notPorts)) failing.push('notPorts');
  return failing;
}

/** What a rule does: one that would pass on what may not be meant denies it. */
export function actionOf({ action, local }: PolicyRule, { isUntold = false }: Trial): PolicyRule['action'] {
  const { nets, notNets, within, without } = local;
  const namesAddresses = nets !== undefined || notNets !== undefined || within.length + without.length > 0;
  return isUntold && namesAddresses && action === 'Pass' ? 'Deny' : action;
}

/** What might forbid does, what might allow does not: see `forUnknownAddress` of programs. */
function untoldMismatches({ action, local }: PolicyRule, end: End, of: { protocol: number; plane: Plane }): SideField[] {
  const { nets, notNets, within, without, ports, notPorts } = local;
  const isAmong = (criterion: PortCriterion) => of.plane === PORT_PLANE && hasPort(criterion, end, of.protocol);
  const closes = action === 'Deny' || action === 'Pass';
  const failing: SideField[] = [];
  if (!closes && nets !== undefined) failing.push('nets');
  if (!closes && notNets !== undefined) failing.push('notNets');
  if (!closes && within.length > 0) failing.push('selector');
  if (!closes && without.length > 0) failing.push('notSelector');
  if (ports !== undefined && !isAmong(ports)) failing.push('ports');
  if (notPorts !== undefined && isAmong(notPorts)) failing.push('notPorts');
  return failing;
}

function hasPort({ ranges, names }: PortCriterion, { port, owners }: End, protocol: number): boolean {
  if (contains(ranges, port)) return true;
  const named = owners.flatMap(({ ports }) => ports).filter(({ name }) => names.includes(name));
  return named.some((candidate) => candidate.port === port && protocolNumber(candidate.protocol) === protocol);
}
