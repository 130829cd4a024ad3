import type { Direction, Family, NamedPort } from '@weir/resources';
import { protocolNumber } from '@weir/resources';
import type { Member } from '../membership/member.ts';
import type { MemberSet } from '../membership/member-set.ts';
import { setHolds } from '../membership/membership.ts';
import { isEveryAddress, type NetRanges, netRangesContain } from '../ranges/net-ranges.ts';
import { contentHash } from '../statements/content-hash.ts';
import type { DefaultAction } from './namespace-defaults.ts';
import { logPrefix } from './packet-log.ts';
import type { PolicyName, PolicyRule, PortCriterion, Side } from './policy-rule.ts';
import type { LocalPorts, Traffic } from './traffic.ts';

/**
 * What one direction of one endpoint allows in one address family: the rules of all policies that apply, tier by tier, first match decides.
 * What the rules say of the endpoint itself has been evaluated away, so equal programs of many endpoints are one.
 */
export interface Program {
  /** Content-addressed: equal programs have equal names. */
  readonly name: string;
  readonly direction: Direction;
  readonly family: Family;
  readonly rules: readonly ProgramRule[];
  /** What holds where no rule decides. */
  readonly rest: 'Allow' | 'Deny';
  /** Where each rule is from, and behind them `rest`; not part of the content, except that a `Log` rule's text names its policy. */
  readonly origins: readonly Origin[];
}

/** `Pass` skips to behind the next `EndOfTier`, which is no rule of anybody's and does nothing by itself. */
export interface ProgramRule {
  readonly action: 'Allow' | 'Deny' | 'Log' | 'Pass' | 'EndOfTier';
  readonly traffic: Traffic;
  readonly nets?: NetRanges;
  readonly notNets?: NetRanges;
  readonly within: readonly MemberSet[];
  readonly without: readonly MemberSet[];
  /** One of `within` is what DNS told the endpoint. */
  readonly hasDomains?: true;
  /** Only of `Log` rules. */
  readonly logPrefix?: string;
  /** Hash of all of the above. */
  readonly content: string;
}

/** A rule of a policy; or what holds where none decides. */
export interface Origin {
  readonly tier?: string;
  readonly policy?: PolicyName;
  /** Position among the policy's rules of that direction, from 0. */
  readonly index?: number;
  readonly default?: PolicyDefault;
}

/**
 * - `no rule matched`: policies of the tier select the endpoint, and none of their rules decided: the tier denies.
 * - `default action`: no tier decided; what network and namespace say.
 * - `invalid policy`, `unknown tier`, `unreadable network set`, `unreadable service`: a policy that cannot be in force closes the endpoint.
 * - `labels not known`: the endpoint is closed until they are.
 */
export type PolicyDefault =
  | 'no rule matched'
  | 'default action'
  | 'invalid policy'
  | 'unknown tier'
  | 'unreadable network set'
  | 'unreadable service'
  | 'labels not known';

/** The policies that select an endpoint in a direction, by tier, all in order. Never an empty tier. */
export type Tiers = readonly TierPolicies[];

export interface TierPolicies {
  readonly name: string;
  readonly defaultAction: 'Deny' | 'Pass';
  /** The rules of each policy. */
  readonly policies: readonly (readonly PolicyRule[])[];
}

/** Instead of tiers: a policy that selects the endpoint cannot be in force, or who that might be is not known, so nothing is allowed. */
export type Closed =
  | {
      readonly policy: PolicyName;
      readonly tier?: string;
      readonly reason: 'invalid' | 'unknown tier' | 'unreadable network set' | 'unreadable service';
    }
  | { readonly reason: 'labels not known' };

/** The end of the traffic that a program is for. */
export interface LocalSide {
  readonly member: Member;
  /** Undefined for a family that the endpoint has no address of, and for its addresses that nobody told of. */
  readonly address: string | undefined;
  /** Of a host: it may have addresses that nobody told of. Default false. */
  readonly hasOthers?: boolean;
  readonly defaultAction: DefaultAction;
  /** What the endpoint was told by DNS for some domains. */
  readonly domainSet: (domains: readonly string[]) => MemberSet;
}

/** Forms the program of an endpoint. */
export function program(tiers: Tiers | Closed, direction: Direction, family: Family, local: LocalSide): Program {
  const { rules, origins, rest } = assemble(tiers, family, local);
  const name = contentHash([direction, family, rest, ...rules.map(({ content }) => content)].join(' '));
  return { name, direction, family, rules, rest, origins };
}

type Assembled = Pick<Program, 'rules' | 'origins' | 'rest'>;

function assemble(tiers: Tiers | Closed, family: Family, local: LocalSide): Assembled {
  const rules: ProgramRule[] = [];
  const origins: Origin[] = [];
  const add = (rule: ProgramRule, origin: Origin) => {
    rules.push(rule);
    origins.push(origin);
  };
  const end = (rest: 'Allow' | 'Deny', origin: Origin): Assembled => ({ rules, origins: [...origins, origin], rest });

  if ('reason' in tiers) {
    if (tiers.reason === 'labels not known') return end('Deny', { default: tiers.reason });
    const { policy, tier, reason } = tiers;
    return end('Deny', { ...(tier !== undefined && { tier }), policy, default: reason === 'invalid' ? 'invalid policy' : reason });
  }
  for (const tier of tiers) {
    const { closing, passes } = addTier(tier, family, local, add);
    // Nothing behind is ever reached, so programs that differ only there are the same.
    if (closing !== undefined && !passes) return end(closing.action, closing.origin);
    if (closing !== undefined) add(closing.action === 'Allow' ? ALLOW : DENY, closing.origin);
    if (passes) add(END_OF_TIER, {});
  }
  const { rule, rest } = local.defaultAction;
  const origin: Origin = { default: 'default action' };
  const localised = rule && programRule(rule, family, local);
  if (localised !== undefined) add(localised, origin);
  return end(rest, origin);
}

/**
 * @returns `closing`: what happens to everything that gets to the end of the tier, unless it goes on with the next; `passes`: whether
 * something may leave the tier for the next one by a rule
 */
function addTier(
  tier: TierPolicies,
  family: Family,
  local: LocalSide,
  add: (rule: ProgramRule, origin: Origin) => void,
): { closing?: { action: 'Allow' | 'Deny'; origin: Origin }; passes: boolean } {
  let passes = false;
  // Nothing of a family that the endpoint has no address of can be for it or from it: the rules need not be asked.
  for (const rule of local.address === undefined && !local.hasOthers ? [] : tier.policies.flat()) {
    const localised = programRule(rule, family, local);
    if (localised === undefined) continue;
    const { action } = localised;
    const origin = { tier: tier.name, policy: rule.policy, index: rule.index };
    if (isUnconditional(localised) && (action === 'Allow' || action === 'Deny')) return { closing: { action, origin }, passes };
    add(localised, origin);
    if (action !== 'Pass') continue;
    passes = true;
    if (isUnconditional(localised)) return { passes };
  }
  if (tier.defaultAction === 'Pass') return { passes };
  return { closing: { action: 'Deny', origin: { tier: tier.name, default: 'no rule matched' } }, passes };
}

function programRule(written: PolicyRule, family: Family, local: LocalSide): ProgramRule | undefined {
  const { member, address, hasOthers } = local;
  if (address === undefined && !hasOthers) return undefined;
  const rule = address === undefined ? forUnknownAddress(written) : written;
  if (rule === undefined || (rule.ipVersion !== undefined && rule.ipVersion !== (family === 'IPv4' ? 4 : 6))) return undefined;
  if (address !== undefined && !matchesLocally(rule.local, family, { member, address })) return undefined;
  const nets = rule.peer.nets?.[family];
  const notNets = rule.peer.notNets?.[family];
  if (nets?.ranges.length === 0 || (notNets !== undefined && isEveryAddress(notNets))) return undefined;
  // Rules that look up no port name and no domain are the same for all endpoints that they are for.
  const isShared = rule.peer.domains === undefined && !rule.local.ports?.names.length && !rule.local.notPorts?.names.length;
  const known = isShared ? shared.get(rule)?.[family] : undefined;
  if (known !== undefined) return known;
  const made = withContent({
    action: rule.action,
    traffic: trafficOf(rule, member.ports),
    ...(nets !== undefined && !isEveryAddress(nets) && { nets }),
    ...(notNets !== undefined && notNets.ranges.length > 0 && { notNets }),
    within: [...rule.peer.within, ...(rule.peer.domains === undefined ? [] : [local.domainSet(rule.peer.domains)])],
    without: rule.peer.without,
    ...(rule.peer.domains !== undefined && { hasDomains: true as const }),
    ...(rule.action === 'Log' && { logPrefix: logPrefix(rule) }),
  });
  if (isShared) shared.set(rule, { ...shared.get(rule), [family]: made });
  return made;
}

/** Whether an address that nobody told of is meant cannot be known: what might forbid does, what might allow does not. */
function forUnknownAddress(rule: PolicyRule): PolicyRule | undefined {
  const { nets, notNets, within, without, ...anyAddress } = rule.local;
  if (nets === undefined && notNets === undefined && within.length === 0 && without.length === 0) return rule;
  if (rule.action === 'Allow' || rule.action === 'Log') return undefined;
  return { ...rule, action: 'Deny', local: { ...anyAddress, within: [], without: [] } };
}

const UNCONDITIONAL = { traffic: {}, within: [], without: [] };
const ALLOW = withContent({ action: 'Allow', ...UNCONDITIONAL });
const DENY = withContent({ action: 'Deny', ...UNCONDITIONAL });
const END_OF_TIER = withContent({ action: 'EndOfTier', ...UNCONDITIONAL });

const shared = new WeakMap<PolicyRule, Partial<Record<Family, ProgramRule>>>();

/** Evaluates what a rule says of the endpoint's own address. */
function matchesLocally(side: Side, family: Family, { member, address }: { member: Member; address: string }): boolean {
  const isIn = (set: MemberSet) => set.members.has(member) || setHolds(set, address);
  if (!side.within.every(isIn) || side.without.some(isIn)) return false;
  if (side.nets !== undefined && !netRangesContain(side.nets[family], address)) return false;
  return side.notNets === undefined || !netRangesContain(side.notNets[family], address);
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
