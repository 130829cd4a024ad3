import type { Range } from '../ranges/range.ts';
import { type Verdict, verdictText } from './verdict.ts';

/**
 * One rule, as data: encoded for the kernel, shown as nft text. A field of a header is met only by packets that have that header.
 */
export interface Rule {
  /** Carried out in their order, as far as the packet matches. */
  readonly expressions: readonly RuleExpression[];
  readonly comment?: string;
}

export type RuleExpression =
  | Match
  /** Goes on with packets whose address is in a named set. */
  | { kind: 'member'; field: AddressField; set: string }
  /** Goes on with packets whose address is one of those written out. */
  | { kind: 'among'; field: AddressField; addresses: readonly string[] }
  /** Does what a verdict map, named or written out, gives for an address; goes on where it has nothing. */
  | { kind: 'vmap'; field: AddressField; map: string | readonly { address: string; verdict: Verdict }[] }
  /** Goes on with as many packets a second, and with so many more that were saved up meanwhile. */
  | { kind: 'limit'; perSecond: number; burst: number }
  /** Shows the packet to who listens to that group of NFLOG. */
  | { kind: 'log'; prefix: string; group: number }
  /** Hands the packet to whoever listens to the queue, and lets it go on when nobody does. */
  | { kind: 'queue'; number: number }
  | Balance
  | { kind: 'verdict'; verdict: Verdict };

/**
 * Leads a new flow to one of several targets: a map gives address and port for the flow's service and a number below `slots`, which is
 * drawn by lot or, for one source address, always the same. Goes on where the map has nothing.
 */
export interface Balance {
  readonly kind: 'balance';
  readonly network: 'ip' | 'ip6';
  /** What of the packet the map's key begins with, before the number: destination address, protocol and port, or the last two. */
  readonly service: 'address' | 'port';
  readonly by: 'lot' | 'source';
  readonly slots: number;
  readonly map: string;
}

/** Goes on with packets whose fields, taken together, are in one of the members (`not`: in none), which have a range for each field. */
export interface Match {
  readonly kind: 'match';
  readonly fields: readonly NumberField[];
  readonly not?: true;
  readonly members: readonly (readonly Range[])[];
}

export type NumberField =
  | 'meta protocol'
  | 'meta l4proto'
  | `${'tcp' | 'udp' | 'udplite' | 'sctp'} ${'sport' | 'dport'}`
  | `${'icmp' | 'icmpv6'} ${'type' | 'code'}`;
export type AddressField = `${'ip' | 'ip6'} ${'saddr' | 'daddr'}`;

/** EtherType of IPv4, as `meta protocol` gives it. */
export const IPV4_ETHER_TYPE = 0x0800;

/** The rule as nft reads it. */
export function ruleText({ expressions, comment }: Rule): string {
  return [...expressions.map(expressionText), ...(comment === undefined ? [] : [`comment "${comment}"`])].join(' ');
}

function expressionText(expression: RuleExpression): string {
  switch (expression.kind) {
    case 'match': {
      const members = expression.members.map((ranges) => ranges.map(rangeText).join(' . '));
      return `${expression.fields.join(' . ')} ${expression.not === true ? '!= ' : ''}${setText(members)}`;
    }
    case 'member':
      return `${expression.field} @${expression.set}`;
    case 'among':
      return `${expression.field} ${setText(expression.addresses)}`;
    case 'vmap': {
      const { field, map } = expression;
      return `${field} vmap ${typeof map === 'string' ? `@${map}` : setText(map.map(({ address, verdict }) => `${address} : ${verdictText(verdict)}`))}`;
    }
    case 'log':
      return `log prefix "${expression.prefix}" group ${expression.group}`;
    case 'limit':
      return `limit rate ${expression.perSecond}/second burst ${expression.burst} packets`;
    case 'queue':
      return `queue num ${expression.number} bypass`;
    case 'balance':
      return balanceText(expression);
    case 'verdict':
      return verdictText(expression.verdict);
  }
}

function balanceText({ network, service, by, slots, map }: Balance): string {
  const draw = by === 'lot' ? `numgen random mod ${slots}` : `jhash ${network} saddr mod ${slots} seed 0x1`;
  const key = [...(service === 'address' ? [`${network} daddr`] : []), 'meta l4proto', 'th dport', draw].join(' . ');
  return `${service === 'port' ? `meta nfproto ${network === 'ip' ? 'ipv4' : 'ipv6'} ` : ''}dnat ${network} to ${key} map @${map}`;
}

function rangeText([first, last]: Range): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/** An anonymous set: one lookup for any number of members. */
function setText(members: readonly string[]): string {
  return `{ ${members.join(', ')} }`;
}
