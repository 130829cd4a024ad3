import type { Direction, Endpoint, Family, NamedPort } from '@weir/resources';
import { cidrContains, protocolNumber } from '@weir/resources';
import { contentHash } from './content-hash.ts';
import type { Member, MemberSet } from './membership.ts';
import { isEveryAddress, type NetRanges, netRangesContain } from './net-ranges.ts';
import type { PolicyName, PolicyRule, PortCriterion, Side } from './policy-rule.ts';
import type { LocalPorts, Traffic } from './traffic.ts';

/**
 * What one direction of one endpoint allows in one address family: the rules of all policies that apply, first match decides. What the
 * rules say of the endpoint itself has been evaluated away, so equal programs of many endpoints are one.
 */
export interface Program {
  /** Content-addressed: equal programs have equal names. */
  readonly name: string;
  readonly direction: Direction;
  readonly family: Family;
  readonly rules: readonly ProgramRule[];
  /** What holds where no rule decides. */
  readonly rest: 'Allow' | 'Deny';
  /** Where each rule is from; not part of the content, except that a `Log` rule's text names its policy. */
  readonly origins: readonly Origin[];
  /** Whether a policy applies; if none does, `rest` is the default action of the endpoint. */
  readonly governed: boolean;
}

export interface ProgramRule {
  readonly action: 'Allow' | 'Deny' | 'Log';
  readonly traffic: Traffic;
  readonly nets?: NetRanges;
  readonly notNets?: NetRanges;
  readonly within: readonly MemberSet[];
  readonly without: readonly MemberSet[];
  /** Only of `Log` rules. */
  readonly logPrefix?: string;
  /** Hash of all of the above. */
  readonly content: string;
}

export interface Origin {
  readonly policy: PolicyName;
  readonly index: number;
  readonly isPass: boolean;
}

/** The end of the traffic that a program is for. */
export interface LocalSide {
  readonly member: Member;
  /** Undefined for a family that the endpoint has no address of. */
  readonly address: string | undefined;
  readonly defaultAction: 'Allow' | 'Deny';
}

/** The action for endpoints that no policy selects in a direction: what the endpoint's network says, else its namespace. */
export function defaultAction(endpoint: Endpoint, namespaceAction: 'Allow' | 'Deny' | undefined): 'Allow' | 'Deny' {
  return endpoint.spec.defaultAction === 'Deny' || namespaceAction === 'Deny' ? 'Deny' : 'Allow';
}

/**
 * Forms the program of an endpoint.
 *
 * @param policies rules of each policy that applies in that direction, in order. Policies are one tier: `Pass` leaves it for the default
 * action, and who reaches its end is denied.
 */
export function program(policies: readonly (readonly PolicyRule[])[], direction: Direction, family: Family, local: LocalSide): Program {
  const rules: ProgramRule[] = [];
  const origins: Origin[] = [];
  const governed = policies.length > 0;
  const { address } = local;
  let rest: 'Allow' | 'Deny' = governed ? 'Deny' : local.defaultAction;
  evaluation: for (const policy of policies) {
    // Nothing of a family that the endpoint has no address of can be for it or from it: the rules need not be asked.
    if (address === undefined) break;
    for (const rule of policy) {
      const localised = programRule(rule, family, { ...local, address });
      if (localised === undefined) continue;
      rules.push(localised);
      origins.push({ policy: rule.policy, index: rule.index, isPass: rule.action === 'Pass' });
      if (localised.action !== 'Log' && isUnconditional(localised)) {
        // Nothing after it is ever reached, so programs that differ only there are the same.
        rest = localised.action;
        break evaluation;
      }
    }
  }
  const name = contentHash([direction, family, rest, ...rules.map(({ content }) => content)].join(' '));
  return { name, direction, family, rules, rest, origins, governed };
}

function programRule(rule: PolicyRule, family: Family, local: LocalSide & { address: string }): ProgramRule | undefined {
  if (rule.ipVersion !== undefined && rule.ipVersion !== (family === 'IPv4' ? 4 : 6)) return undefined;
  if (!matchesLocally(rule.local, family, local)) return undefined;
  const nets = rule.peer.nets?.[family];
  const notNets = rule.peer.notNets?.[family];
  if (nets?.ranges.length === 0 || (notNets !== undefined && isEveryAddress(notNets))) return undefined;
  // Rules that look up no port name are the same for all endpoints that they are for.
  const isShared = !rule.local.ports?.names.length && !rule.local.notPorts?.names.length;
  const known = isShared ? shared.get(rule)?.[family] : undefined;
  if (known !== undefined) return known;
  const made = withContent({
    action: rule.action === 'Pass' ? local.defaultAction : rule.action,
    traffic: trafficOf(rule, local.member.ports),
    ...(nets !== undefined && !isEveryAddress(nets) && { nets }),
    ...(notNets !== undefined && notNets.ranges.length > 0 && { notNets }),
    within: rule.peer.within,
    without: rule.peer.without,
    ...(rule.action === 'Log' && { logPrefix: logPrefix(rule) }),
  });
  if (isShared && rule.action !== 'Pass') shared.set(rule, { ...shared.get(rule), [family]: made });
  return made;
}

const shared = new WeakMap<PolicyRule, Partial<Record<Family, ProgramRule>>>();

/** Evaluates what a rule says of the endpoint's own address. */
function matchesLocally(side: Side, family: Family, { member, address }: { member: Member; address: string }): boolean {
  const isIn = (set: MemberSet) => set.members.has(member) || holds(set, family, address);
  if (!side.within.every(isIn) || side.without.some(isIn)) return false;
  if (side.nets !== undefined && !netRangesContain(side.nets[family], address)) return false;
  return side.notNets === undefined || !netRangesContain(side.notNets[family], address);
}

function holds(set: MemberSet, family: Family, address: string): boolean {
  if (set.addresses[family].has(address)) return true;
  for (const net of set.nets.keys()) if (cidrContains(net, address)) return true;
  return false;
}

function trafficOf(rule: PolicyRule, ownPorts: readonly NamedPort[]): Traffic {
  const { protocol, notProtocol, icmp, notICMP, peer, local } = rule;
  return {
    ...(protocol !== undefined && { protocol }),
    ...(notProtocol !== undefined && { notProtocol }),
    ...(icmp !== undefined && { icmp }),
    ...(notICMP !== undefined && { notICMP }),
    ...(peer.ports !== undefined && { peerPorts: peer.ports }),
    ...(peer.notPorts !== undefined && { peerNotPorts: peer.notPorts }),
    ...(local.ports !== undefined && { localPorts: localPorts(local.ports, ownPorts, protocol) }),
    ...(local.notPorts !== undefined && { localNotPorts: localPorts(local.notPorts, ownPorts, protocol) }),
  };
}

/** Names come to the endpoint's own ports; those of other protocols than the rule's are left out, so that they make no difference. */
function localPorts({ ranges, names }: PortCriterion, ownPorts: readonly NamedPort[], only: number | undefined): LocalPorts {
  const named = ownPorts
    .filter(({ name }) => names.includes(name))
    .map(({ protocol, port }) => ({ protocol: protocolNumber(protocol), port }))
    .filter(({ protocol }) => only === undefined || protocol === only)
    .sort((left, right) => left.protocol - right.protocol || left.port - right.port);
  return { ranges, named };
}

function withContent(rule: Omit<ProgramRule, 'content'>): ProgramRule {
  const { action, traffic, nets, notNets, within, without, logPrefix } = rule;
  const keys = (sets: readonly MemberSet[]) => sets.map(({ key }) => key);
  const text = JSON.stringify([action, traffic, nets?.text, notNets?.text, keys(within), keys(without), logPrefix]);
  return { ...rule, content: contentHash(text) };
}

function isUnconditional({ traffic, nets, notNets, within, without }: ProgramRule): boolean {
  return Object.keys(traffic).length === 0 && nets === undefined && notNets === undefined && within.length === 0 && without.length === 0;
}

/** As in `linux/netfilter/nf_log.h`: NF_LOG_PREFIXLEN is 128 with the final NUL. */
const LONGEST_PREFIX = 127;

/** What the kernel writes in front of a packet: `weir Policy shop/web Ingress 3: `. */
function logPrefix({ policy, direction, index }: PolicyRule): string {
  const name = policy.namespace === undefined ? policy.name : `${policy.namespace}/${policy.name}`;
  const [before, after] = [`weir ${policy.kind} `, ` ${direction} ${index}: `];
  return `${before}${name.slice(0, LONGEST_PREFIX - before.length - after.length)}${after}`;
}
