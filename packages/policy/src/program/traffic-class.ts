import type { Direction, Family } from '@weir/resources';
import { type Range, union } from '../ranges/range.ts';
import {
  EMPTY,
  exceeds,
  firstMatch,
  holdsPoint,
  isWhole,
  type Plane,
  type Region,
  type Row,
  regionComplement,
  regionIntersection,
  type Stroke,
  wholePlane,
} from '../ranges/region.ts';
import { contentHash } from '../statements/content-hash.ts';
import { type Match, type NumberField, type Rule, type RuleExpression, ruleText } from '../statements/rule.ts';
import type { ChainStatement } from '../statements/statement.ts';
import { DENIED, type Verdict } from '../statements/verdict.ts';
import { LOGGED_RATE, PACKET_LOG_GROUP } from './packet-log.ts';
import type { ProgramRule } from './program.ts';
import { boxesOf, OTHER_PROTOCOL, type Point, type PortNumber, type PortsByName, planeOf, protocolsOf } from './traffic.ts';

/**
 * What one peer may send, whoever it is: a program, projected on that peer. Many peers of many programs share one class.
 */
export interface TrafficClass {
  /** `return` or {@link DENIED} where protocol and ports make no difference, else to the chain that looks at them. */
  readonly verdict: Verdict;
  readonly chain?: ChainStatement;
  readonly allowed: AllowedTraffic;
}

/** The allowed part of each protocol that differs from the others. Equal for equal behaviour, however the rules were written. */
export interface AllowedTraffic {
  readonly family: Family;
  /** Whether protocols that are not in the map are allowed. */
  readonly others: boolean;
  readonly protocols: ReadonlyMap<number, Region>;
}

const RETURN: Verdict = { kind: 'return' };

interface LoggedTraffic extends AllowedTraffic {
  readonly prefix: string;
}

/** What a rule list comes to for one peer. `rules` are those whose peer criteria the peer meets. */
export function trafficClass(
  rules: readonly ProgramRule[],
  rest: 'Allow' | 'Deny',
  of: { family: Family; direction: Direction; portsByName: PortsByName },
): TrafficClass {
  const { family } = of;
  const result = (protocol: number) => {
    const strokes = rules.map(({ action, traffic }): Stroke => ({ action, boxes: boxesOf(traffic, { protocol, ...of }) }));
    return firstMatch(strokes, rest, planeOf(protocol, family));
  };
  const named = [...new Set(rules.flatMap(({ traffic }) => protocolsOf(traffic)))].sort((left, right) => left - right);
  const others = result(OTHER_PROTOCOL);
  const byProtocol = new Map(named.map((protocol) => [protocol, result(protocol)]));
  const part = (select: (result: ReturnType<typeof firstMatch>) => Region) =>
    normalised(select(others).length > 0, new Map([...byProtocol].map(([protocol, found]) => [protocol, select(found)])), family);

  const allowed = part((found) => found.allowed);
  const logged = rules
    .filter(({ action }) => action === 'Log')
    .map((rule, index): LoggedTraffic => ({ prefix: rule.logPrefix!, ...part((found) => found.logged[index]!) }))
    .filter(({ others: all, protocols }) => all || protocols.size > 0);
  if (logged.length === 0 && allowed.protocols.size === 0) return { verdict: allowed.others ? RETURN : DENIED, allowed };
  const chain = chainOf(allowed, logged);
  return { verdict: { kind: 'goto', chain: chain.name }, chain, allowed };
}

/** Whether peers of the class may send a packet. */
export function allowedAt({ allowed }: Pick<TrafficClass, 'allowed'>, { protocol, first, second }: Point): boolean {
  const region = allowed.protocols.get(protocol);
  return region === undefined ? allowed.others : holdsPoint(region, first, second);
}

/** Whether something was allowed by `before` that is not by `after`. */
export function narrows(before: Pick<TrafficClass, 'allowed'>, after: Pick<TrafficClass, 'allowed'>): boolean {
  if (before.allowed.others && !after.allowed.others) return true;
  return [...before.allowed.protocols.keys(), ...after.allowed.protocols.keys()].some((protocol) =>
    exceeds(regionOf(before.allowed, protocol), regionOf(after.allowed, protocol)),
  );
}

export function allTraffic(family: Family): AllowedTraffic {
  return { family, others: true, protocols: new Map() };
}

export function noTraffic(family: Family): AllowedTraffic {
  return { family, others: false, protocols: new Map() };
}

/** What both allow; of one family. */
export function intersectTraffic(left: AllowedTraffic, right: AllowedTraffic): AllowedTraffic {
  const { family } = left;
  const named = [...new Set([...left.protocols.keys(), ...right.protocols.keys()])].sort((one, other) => one - other);
  const both = named.map((protocol) => [protocol, regionIntersection(regionOf(left, protocol), regionOf(right, protocol))] as const);
  return normalised(left.others && right.others, new Map(both), family);
}

/** What either allows; of one family. */
export function uniteTraffic(left: AllowedTraffic, right: AllowedTraffic): AllowedTraffic {
  const { family } = left;
  const named = [...new Set([...left.protocols.keys(), ...right.protocols.keys()])].sort((one, other) => one - other);
  const either = named.map((protocol) => {
    const plane = planeOf(protocol, family);
    const [one, other] = [left, right].map((traffic) => regionComplement(regionOf(traffic, protocol), plane)) as [Region, Region];
    return [protocol, regionComplement(regionIntersection(one, other), plane)] as const;
  });
  return normalised(left.others || right.others, new Map(either), family);
}

/** All that is for these ports. */
export function trafficTo(ports: readonly PortNumber[], family: Family): AllowedTraffic {
  const byProtocol = Map.groupBy(ports, ({ protocol }) => protocol);
  const regions = [...byProtocol].map(([protocol, own]): [number, Region] => {
    const second = union(own.map(({ port }) => [port, port] as const));
    return [protocol, [{ first: planeOf(protocol, family).first, second }]];
  });
  return { family, others: false, protocols: new Map(regions.sort(([left], [right]) => left - right)) };
}

export function sameTraffic(left: AllowedTraffic, right: AllowedTraffic): boolean {
  const isWithin = (inner: AllowedTraffic, outer: AllowedTraffic) => !narrows({ allowed: inner }, { allowed: outer });
  return isWithin(left, right) && isWithin(right, left);
}

function regionOf({ protocols, others, family }: AllowedTraffic, protocol: number): Region {
  return protocols.get(protocol) ?? (others ? wholePlane(planeOf(protocol, family)) : EMPTY);
}

/** Leaves out protocols that are treated as all others are. */
function normalised(others: boolean, protocols: ReadonlyMap<number, Region>, family: Family): AllowedTraffic {
  const differs = ([protocol, region]: [number, Region]) => (others ? !isWhole(region, planeOf(protocol, family)) : region.length > 0);
  return { family, others, protocols: new Map([...protocols].filter(differs)) };
}

function chainOf(allowed: AllowedTraffic, logged: readonly LoggedTraffic[]): ChainStatement {
  const expression = (verdict: Verdict): RuleExpression => ({ kind: 'verdict', verdict });
  const [usual, exception] = allowed.others ? [expression(RETURN), expression(DENIED)] : [expression(DENIED), expression(RETURN)];
  const rules: Rule[] = [
    ...logged.flatMap((log) => {
      // Where most is logged, the rest is easier to say by what is logged than by what is not.
      const all = { ...log, others: false, protocols: new Map([...log.protocols].filter(([, region]) => region.length > 0)) };
      const logs = log.others ? [...matches(all), otherThan([...log.protocols.keys()])] : matches(log);
      return logs.map(
        (match): Rule => ({ expressions: [...match, LOGGED_RATE, { kind: 'log', prefix: log.prefix, group: PACKET_LOG_GROUP }] }),
      );
    }),
    ...matches(allowed).map((match): Rule => ({ expressions: [...match, exception] })),
    { expressions: [usual] },
  ];
  return { kind: 'chain', name: `c_${contentHash(rules.map(ruleText).join('\n'))}`, rules };
}

/** What matches the traffic whose fate is not that of other protocols: each of these by itself. */
function matches({ family, others, protocols }: AllowedTraffic): Match[][] {
  const parts: Match[][] = [];
  const whole: number[] = [];
  for (const [protocol, region] of protocols) {
    const plane = planeOf(protocol, family);
    const different = others ? regionComplement(region, plane) : region;
    if (isWhole(different, plane)) whole.push(protocol);
    else parts.push(...partMatches(protocol, different, plane));
  }
  return whole.length === 0 ? parts : [[{ kind: 'match', fields: ['meta l4proto'], members: singles(whole) }], ...parts];
}

/** Matches everything if there are none. */
function otherThan(protocols: readonly number[]): Match[] {
  return protocols.length === 0 ? [] : [{ kind: 'match', fields: ['meta l4proto'], not: true, members: singles(protocols) }];
}

const singles = (numbers: readonly number[]): Range[][] => numbers.map((number) => [[number, number]]);

/** nft's names of the two axes. `th` would do for all that have ports, but these read better. */
const FIELDS: Readonly<Record<number, readonly [first: NumberField, second: NumberField]>> = {
  1: ['icmp type', 'icmp code'],
  58: ['icmpv6 type', 'icmpv6 code'],
  6: ['tcp sport', 'tcp dport'],
  17: ['udp sport', 'udp dport'],
  132: ['sctp sport', 'sctp dport'],
  136: ['udplite sport', 'udplite dport'],
};

/** Pairs of ranges that one look-up is for; where more are a product of two sets, two look-ups are shorter by far. */
const MOST_PAIRS = 256;

function partMatches(protocol: number, region: Region, plane: Plane): Match[][] {
  const [first, second] = FIELDS[protocol]!;
  const isAll = (range: Range, axis: Range) => range[0] === axis[0] && range[1] === axis[1];
  const kinds = Map.groupBy(region, ({ first: across, second: down }: Row) => {
    if (isAll(across, plane.first)) return 'second';
    return down.length === 1 && isAll(down[0]!, plane.second) ? 'first' : 'both';
  });
  const found: Match[][] = [];
  const bySecond = kinds.get('second')?.flatMap((row) => row.second.map((range) => [range]));
  if (bySecond !== undefined) found.push([{ kind: 'match', fields: [second], members: bySecond }]);
  const byFirst = kinds.get('first')?.map((row) => [row.first]);
  if (byFirst !== undefined) found.push([{ kind: 'match', fields: [first], members: byFirst }]);
  const pairs: Range[][] = [];
  for (const [down, rows] of Map.groupBy(kinds.get('both') ?? [], (row) => row.second)) {
    if (rows.length * down.length <= MOST_PAIRS) pairs.push(...rows.flatMap((row) => down.map((range) => [row.first, range])));
    else {
      const across: Match = { kind: 'match', fields: [first], members: rows.map((row) => [row.first]) };
      found.push([across, { kind: 'match', fields: [second], members: down.map((range) => [range]) }]);
    }
  }
  if (pairs.length > 0) found.push([{ kind: 'match', fields: [first, second], members: pairs }]);
  return found;
}
