import type { Direction, Family } from '@weir/resources';
import { contentHash } from './content-hash.ts';
import type { ProgramRule } from './program.ts';
import type { Range, Ranges } from './range.ts';
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
  type Stroke,
  wholePlane,
} from './region.ts';
import type { ChainStatement, Verdict } from './statement.ts';
import { boxesOf, OTHER_PROTOCOL, type Point, type PortsByName, planeOf, protocolsOf } from './traffic.ts';

/**
 * What one peer may send, whoever it is: a program, projected on that peer. Many peers of many programs share one class.
 */
export interface TrafficClass {
  /** `return` or `drop` where protocol and ports make no difference, else to the chain that looks at them. */
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
  if (logged.length === 0 && allowed.protocols.size === 0) return { verdict: { kind: allowed.others ? 'return' : 'drop' }, allowed };
  const chain = chainOf(allowed, logged);
  return { verdict: { kind: 'goto', chain: chain.name }, chain, allowed };
}

/** Whether peers of the class may send a packet. */
export function allowedAt({ allowed }: TrafficClass, { protocol, first, second }: Point): boolean {
  const region = allowed.protocols.get(protocol);
  return region === undefined ? allowed.others : holdsPoint(region, first, second);
}

/** Whether something was allowed by `before` that is not by `after`. */
export function narrows(before: TrafficClass, after: TrafficClass): boolean {
  if (before.allowed.others && !after.allowed.others) return true;
  const regionIn = ({ protocols, others, family }: AllowedTraffic, protocol: number) =>
    protocols.get(protocol) ?? (others ? wholePlane(planeOf(protocol, family)) : EMPTY);
  return [...before.allowed.protocols.keys(), ...after.allowed.protocols.keys()].some((protocol) =>
    exceeds(regionIn(before.allowed, protocol), regionIn(after.allowed, protocol)),
  );
}

/** Leaves out protocols that are treated as all others are. */
function normalised(others: boolean, protocols: ReadonlyMap<number, Region>, family: Family): AllowedTraffic {
  const differs = ([protocol, region]: [number, Region]) => (others ? !isWhole(region, planeOf(protocol, family)) : region.length > 0);
  return { family, others, protocols: new Map([...protocols].filter(differs)) };
}

function chainOf(allowed: AllowedTraffic, logged: readonly LoggedTraffic[]): ChainStatement {
  const [usual, exception] = allowed.others ? ['return', 'drop'] : ['drop', 'return'];
  const rules = [
    ...logged.flatMap((log) => {
      const statement = `log prefix "${log.prefix}"`;
      // Where most is logged, the rest is easier to say by what is logged than by what is not.
      const all = { ...log, others: false, protocols: new Map([...log.protocols].filter(([, region]) => region.length > 0)) };
      return log.others
        ? [...matches(all), otherThan([...log.protocols.keys()])].map((match) => `${match}${statement}`)
        : matches(log).map((match) => `${match}${statement}`);
    }),
    ...matches(allowed).map((match) => `${match}${exception}`),
    usual!,
  ];
  return { kind: 'chain', name: `c_${contentHash(rules.join('\n'))}`, rules };
}

/** The nft matches, each with a blank at its end, for the traffic whose fate is not that of other protocols. */
function matches({ family, others, protocols }: AllowedTraffic): string[] {
  const lines: string[] = [];
  const whole: number[] = [];
  for (const [protocol, region] of protocols) {
    const plane = planeOf(protocol, family);
    const different = others ? regionComplement(region, plane) : region;
    if (isWhole(different, plane)) whole.push(protocol);
    else lines.push(...partMatches(protocol, different, plane));
  }
  return whole.length === 0 ? lines : [`meta l4proto ${setText(whole.map(String))} `, ...lines];
}

function otherThan(protocols: readonly number[]): string {
  return protocols.length === 0 ? '' : `meta l4proto != ${setText(protocols.map(String))} `;
}

/** nft's names of the two axes. `th` would do for all that have ports, but these read better. */
const FIELDS: Readonly<Record<number, readonly [first: string, second: string]>> = {
  1: ['icmp type', 'icmp code'],
  58: ['icmpv6 type', 'icmpv6 code'],
  6: ['tcp sport', 'tcp dport'],
  17: ['udp sport', 'udp dport'],
  132: ['sctp sport', 'sctp dport'],
  136: ['udplite sport', 'udplite dport'],
};

function partMatches(protocol: number, region: Region, plane: Plane): string[] {
  const [first, second] = FIELDS[protocol]!;
  const isAll = (range: Range, axis: Range) => range[0] === axis[0] && range[1] === axis[1];
  const kinds = Map.groupBy(region, ({ first: across, second: down }: Row) => {
    if (isAll(across, plane.first)) return 'second';
    return down.length === 1 && isAll(down[0]!, plane.second) ? 'first' : 'both';
  });
  const lines: string[] = [];
  const bySecond = kinds.get('second')?.flatMap((row) => row.second);
  if (bySecond !== undefined) lines.push(`${second} ${setText(bySecond.map(rangeText))} `);
  const byFirst = kinds.get('first')?.map((row) => row.first);
  if (byFirst !== undefined) lines.push(`${first} ${setText(byFirst.map(rangeText))} `);
  const byBoth = kinds.get('both');
  if (byBoth !== undefined) lines.push(`${first} . ${second} ${setText(byBoth.flatMap(pairTexts))} `);
  return lines;
}

function pairTexts({ first, second }: { first: Range; second: Ranges }): string[] {
  return second.map((range) => `${rangeText(first)} . ${rangeText(range)}`);
}

function rangeText([first, last]: Range): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/** An anonymous set: one lookup for any number of members. */
function setText(members: readonly string[]): string {
  return `{ ${members.join(', ')} }`;
}
