import type { Direction, Family } from '@weir/resources';
import type { MemberSet } from '../membership/member-set.ts';
import { contentHash } from '../statements/content-hash.ts';
import { type AddressField, type Rule, ruleText } from '../statements/rule.ts';
import type { ChainStatement } from '../statements/statement.ts';
import { sameVerdict, type Verdict } from '../statements/verdict.ts';

/** A set of fewer peers is as cheap in a map of the program's own. */
export const MANY_PEERS = 64;
/** Sets that a program looks packets up in, one after the other, so that a packet's cost has a bound. The rest goes by single addresses. */
const MOST_SETS = 3;

/** A set that a program may look peers up in as such, with its number in the program. */
export interface Candidate {
  readonly set: MemberSet;
  readonly number: number;
  /** Of the set in the table. */
  readonly name: string;
}

/** Where peers go that no map of single addresses and no map of nets knows. */
export interface ByManyPeers {
  /** Each for the members of a set. */
  readonly rules: readonly Rule[];
  /** Of everybody else. */
  readonly verdict: Verdict;
  /** That rules lead to; but for those of classes. */
  readonly chains: readonly ChainStatement[];
}

/** Whether the set of that name makes a difference. */
export function isLookedUp({ rules, chains }: ByManyPeers, name: string): boolean {
  const all = [...rules, ...chains.flatMap((chain) => chain.rules)];
  return all.some(({ expressions }) => expressions.some((expression) => expression.kind === 'member' && expression.set === name));
}

export interface SizedSet {
  readonly set: MemberSet;
  readonly key: string;
  readonly size: number;
}

/** The largest sets of a program. */
export function largestSets(sets: Iterable<MemberSet>, family: Family, atLeast: number): SizedSet[] {
  const large: SizedSet[] = [];
  for (const set of sets) {
    const { size } = set.addresses[family];
    if (size >= atLeast) large.push({ set, key: set.key, size });
  }
  return mostNumerous(large, atLeast);
}

/**
 * The few that have most. Of two that have about as many the first by key, so that one more or less seldom makes another choice.
 */
export function mostNumerous<T extends { key: string; size: number }>(all: readonly T[], atLeast: number): T[] {
  const magnitude = ({ size }: T) => Math.floor(Math.log2(size));
  return all
    .filter(({ size }) => size >= atLeast)
    .sort((left, right) => magnitude(right) - magnitude(left) || (left.key < right.key ? -1 : 1))
    .slice(0, MOST_SETS);
}

const PEER_FIELD = { Ingress: 'saddr', Egress: 'daddr' } as const;

/** The field that has the address of the peer. */
export function peerField(direction: Direction, family: Family): AddressField {
  return `${family === 'IPv4' ? 'ip' : 'ip6'} ${PEER_FIELD[direction]}`;
}

/** @param verdictOf what peers get that are in just those of the sets, by their numbers */
export function byManyPeers(
  sets: readonly Pick<Candidate, 'number' | 'name'>[],
  field: AddressField,
  verdictOf: (numbers: readonly number[]) => Verdict,
  within: readonly number[] = [],
): ByManyPeers {
  const [first, ...others] = sets;
  if (first === undefined) return { rules: [], verdict: verdictOf(within), chains: [] };
  const outside = byManyPeers(others, field, verdictOf, within);
  const inside = asVerdict(byManyPeers(others, field, verdictOf, [...within, first.number]));
  if (outside.rules.length === 0 && sameVerdict(inside.verdict, outside.verdict)) return outside;
  const rule: Rule = {
    expressions: [
      { kind: 'member', field, set: first.name },
      { kind: 'verdict', verdict: inside.verdict },
    ],
    comment: 'peers in a set of many',
  };
  return { ...outside, rules: [rule, ...outside.rules], chains: [...inside.chains, ...outside.chains] };
}

/** The same as one verdict, which leads to a chain where there are rules. */
export function asVerdict({ rules, verdict, chains }: ByManyPeers): Omit<ByManyPeers, 'rules'> {
  if (rules.length === 0) return { verdict, chains };
  const all = [...rules, { expressions: [{ kind: 'verdict' as const, verdict }] }];
  const chain: ChainStatement = { kind: 'chain', name: `m_${contentHash(all.map(ruleText).join('\n'))}`, rules: all };
  return { verdict: { kind: 'goto', chain: chain.name }, chains: [...chains, chain] };
}
