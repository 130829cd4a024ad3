/** Elements of nftables sets and maps in the kernel's bytes (linux/netfilter/nf_tables.h). Pure. */
import { formatAddress, parseAddress, parseMac } from './netlink/ip-address.ts';
import type { MessageWriter } from './netlink/message.ts';

/** One field of a key or of data. Several together are a concatenation. */
export type KeyField =
  | { type: 'ifname'; value: string }
  | { type: 'ipv4_addr' | 'ipv6_addr' | 'ether_addr'; value: string }
  | { type: 'inet_proto' | 'inet_service'; value: number };

export type Verdict = { kind: 'accept' | 'drop' | 'return' } | { kind: 'goto' | 'jump'; chain: string };

/** One element to add or to delete. */
export interface ElementChange {
  op: 'add' | 'delete';
  /** The set or map. */
  set: string;
  key: readonly KeyField[];
  /**
   * Inclusive end. Every element of an interval set has one, also when it is a single value; in other sets none has. With several fields
   * it gives the end of each.
   */
  to?: readonly KeyField[];
  /** What a verdict map gives. Not needed to delete. */
  verdict?: Verdict;
  /** What a map of data gives, as `ipv4_addr . inet_service` for NAT. Not needed to delete. */
  data?: readonly KeyField[];
}

const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_SET_ELEM_INTERVAL_END = 1;
const VERDICT_CODES = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;
const IFNAMSIZ = 16;

/** Bytes of one field, in network order. Throws TypeError for a value that its type cannot hold. */
export function encodeField(field: KeyField): Uint8Array {
  switch (field.type) {
    case 'ifname': {
      const bytes = new Uint8Array(IFNAMSIZ);
      const name = Buffer.from(field.value);
      if (name.length === 0 || name.length >= IFNAMSIZ)
        throw new TypeError(`"${field.value}" is not an interface name; it has 1 to 15 bytes`);
      bytes.set(name);
      return bytes;
    }
    case 'ipv4_addr':
    case 'ipv6_addr': {
      const bytes = parseAddress(field.value);
      if (bytes.length !== (field.type === 'ipv4_addr' ? 4 : 16)) throw new TypeError(`"${field.value}" is not of type ${field.type}`);
      return bytes;
    }
    case 'ether_addr':
      return parseMac(field.value);
    case 'inet_proto':
    case 'inet_service': {
      const { type, value } = field;
      const highest = type === 'inet_proto' ? 0xff : 0xffff;
      if (!Number.isInteger(value) || value < 0 || value > highest)
        throw new TypeError(`${value} is not of type ${type}; it goes from 0 to ${highest}`);
      return type === 'inet_proto' ? Uint8Array.of(value) : Uint8Array.of(value >> 8, value & 0xff);
    }
  }
}

/** Bytes of a key, or of data. In a concatenation each field begins a new 32 bit register, zeroes behind it. */
export function encodeKey(key: readonly KeyField[]): Uint8Array {
  const [only] = key;
  if (!only) throw new TypeError('the key of an element has at least one field');
  if (key.length === 1) return encodeField(only);
  const fields = key.map(encodeField);
  const bytes = new Uint8Array(fields.reduce((length, field) => length + padded(field.length), 0));
  let at = 0;
  for (const field of fields) {
    bytes.set(field, at);
    at += padded(field.length);
  }
  return bytes;
}

const padded = (length: number): number => (length + 3) & ~3;

/** The number after `bytes`, big endian; undefined after all ones. */
export function successor(bytes: Uint8Array): Uint8Array | undefined {
  const next = Uint8Array.from(bytes);
  for (let at = next.length - 1; at >= 0; at -= 1) {
    if (next[at] === 0xff) next[at] = 0;
    else {
      next[at]! += 1;
      return next;
    }
  }
  return undefined;
}

/** Writes the one or two elements that a change stands for, as members of NFTA_SET_ELEM_LIST_ELEMENTS. */
export function writeElement(writer: MessageWriter, change: ElementChange): void {
  const { key, to, verdict, data } = change;
  if (to && to.length !== key.length)
    throw new TypeError(`the end of an interval has as many fields as its start: ${describeElement(change)}`);
  const start = encodeKey(key);
  const end = to && encodeKey(to);
  if (
    end &&
    (to.length === 1
      ? Buffer.compare(start, end) > 0
      : key.some((field, at) => Buffer.compare(encodeField(field), encodeField(to[at]!)) > 0))
  ) {
    throw new TypeError(`the end of an interval is not before its start: ${describeElement(change)}`);
  }
  const concatenated = key.length > 1;
  writer.nest(NFTA_LIST_ELEM, () => {
    writeData(writer, NFTA_SET_ELEM_KEY, start);
    if (end && concatenated) writeData(writer, NFTA_SET_ELEM_KEY_END, end);
    if (verdict && change.op === 'add') writeVerdict(writer, verdict);
    if (data && change.op === 'add') writeData(writer, NFTA_SET_ELEM_DATA, encodeKey(data));
  });
  // A tree of one field holds an interval as its start and, marked as end, what comes after it. One up to the highest value never ends.
  const after = end && !concatenated ? successor(end) : undefined;
  if (!after) return;
  writer.nest(NFTA_LIST_ELEM, () => {
    writeData(writer, NFTA_SET_ELEM_KEY, after);
    writer.be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  });
}

function writeData(writer: MessageWriter, type: number, bytes: Uint8Array): void {
  writer.nest(type, () => writer.data(NFTA_DATA_VALUE, bytes));
}

function writeVerdict(writer: MessageWriter, verdict: Verdict): void {
  writer.nest(NFTA_SET_ELEM_DATA, () =>
    writer.nest(NFTA_DATA_VERDICT, () => {
      writer.be32(NFTA_VERDICT_CODE, VERDICT_CODES[verdict.kind]);
      if ('chain' in verdict) writer.string(NFTA_VERDICT_CHAIN, verdict.chain);
    }),
  );
}

/** An element in the words of nft: `10.0.0.0-10.0.0.255 : goto web`. */
export function describeElement({ key, to, verdict, data }: Pick<ElementChange, 'key' | 'to' | 'verdict' | 'data'>): string {
  const fields = key.map((field, at) => {
    const end = to?.[at];
    return end && end.value !== field.value ? `${describeField(field)}-${describeField(end)}` : describeField(field);
  });
  const target = verdict ? ('chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind) : data?.map(describeField).join(' . ');
  return fields.join(' . ') + (target ? ` : ${target}` : '');
}

function describeField(field: KeyField): string {
  if (field.type === 'ifname') return `"${field.value}"`;
  return field.type === 'ipv6_addr' ? formatAddress(parseAddress(field.value)) : String(field.value);
}
