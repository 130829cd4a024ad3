/** Rules as data: a part of what nft can say. */
import type { Verdict } from './nftables-element.ts';

/** What of a packet is looked at, in nft's words. A field of a header is met only by packets that have that header. */
export type NumberField =
  | 'meta protocol'
  | 'meta l4proto'
  | `${'tcp' | 'udp' | 'udplite' | 'sctp'} ${'sport' | 'dport'}`
  | `${'icmp' | 'icmpv6'} ${'type' | 'code'}`;
export type AddressField = `${'ip' | 'ip6'} ${'saddr' | 'daddr'}`;

export interface Rule {
  /** Carried out in their order, as far as the packet matches. */
  expressions: readonly RuleExpression[];
  comment?: string;
}

/** First and last, both included. */
export type Range = readonly [first: number, last: number];

export type RuleExpression =
  /** Goes on with packets whose fields, taken together, are in one of the members (`not`: in none), which have a range for each field. */
  | { kind: 'match'; fields: readonly NumberField[]; not?: boolean; members: readonly (readonly Range[])[] }
  /** Goes on with packets whose address is in a named set. */
  | { kind: 'member'; field: AddressField; set: string }
  /** Goes on with packets whose address is one of those written out, of which there is at least one. */
  | { kind: 'among'; field: AddressField; addresses: readonly string[] }
  /** Does what a verdict map, named or written out, gives for an address; goes on where it has nothing. */
  | { kind: 'vmap'; field: AddressField; map: string | readonly { address: string; verdict: Verdict }[] }
  /** Goes on with as many packets a second, and with so many more that were saved up meanwhile. */
  | { kind: 'limit'; perSecond: number; burst: number }
  /** Shows the packet to who listens to that group of NFLOG: see `PacketLog`. */
  | { kind: 'log'; prefix: string; group: number }
  /** Hands the packet to whoever listens to the queue, and lets it go on when nobody does. `asTarget`: by iptables' target, for kernels without nft's own. */
  | { kind: 'queue'; number: number; asTarget?: boolean }
  | Balance
  | { kind: 'verdict'; verdict: Verdict };

/**
 * Leads a new flow to one of several targets: a map gives address and port for the flow's service and a number below `slots`, which is
 * drawn by lot or, for one source address, always the same. Goes on where the map has nothing.
 */
export interface Balance {
  kind: 'balance';
  network: 'ip' | 'ip6';
  /** What of the packet the map's key begins with, before the number. */
  service: 'address' | 'port';
  by: 'lot' | 'source';
  slots: number;
  map: string;
}
