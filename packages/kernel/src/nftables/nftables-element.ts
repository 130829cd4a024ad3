/** Elements of nftables sets and maps in the kernel's bytes (linux/netfilter/nf_tables.h). Pure. */
import { formatAddress, parseAddress } from '../netlink/ip-address.ts';
import type { MessageWriter } from '../netlink/message.ts';
import {
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_VERDICT_CHAIN,
  NFTA_VERDICT_CODE,
  VERDICT_CODES,
} from './element-attributes.ts';
import { encodeField, encodeKey, type KeyField } from './nftables-field.ts';

export type Verdict = { kind: 'accept' | 'drop' | 'return' } | { kind: 'goto' | 'jump'; chain: string };

/** One element to add or to delete. */
export interface ElementChange extends Element {
  kind: 'element';
  op: 'add' | 'delete';
  /** The set or map. */
  set: string;
}

export interface Element {
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

/**
 * Writes the one or two elements of the kernel that an element stands for, as members of NFTA_SET_ELEM_LIST_ELEMENTS. To delete it, its
 * key is enough, and `verdict` and `data` are left out.
 */
export function writeElement(writer: MessageWriter, element: Element, { keyOnly = false } = {}): void {
  const { key, to, verdict, data } = element;
  if (to && to.length !== key.length)
    throw new TypeError(`the end of an interval has as many fields as its start: ${describeElement(element)}`);
  const start = encodeKey(key);
  const end = to && encodeKey(to);
  if (
    end &&
    (to.length === 1
      ? Buffer.compare(start, end) > 0
      : key.some((field, at) => Buffer.compare(encodeField(field), encodeField(to[at]!)) > 0))
  ) {
    throw new TypeError(`the end of an interval is not before its start: ${describeElement(element)}`);
  }
  const concatenated = key.length > 1;
  writer.nest(NFTA_LIST_ELEM, () => {
    writeData(writer, NFTA_SET_ELEM_KEY, start);
    if (end && concatenated) writeData(writer, NFTA_SET_ELEM_KEY_END, end);
    if (verdict && !keyOnly) writeVerdict(writer, NFTA_SET_ELEM_DATA, verdict);
    if (data && !keyOnly) writeData(writer, NFTA_SET_ELEM_DATA, encodeKey(data));
  });
  // A tree of one field holds an interval as its start and, marked as end, what comes after it. One up to the highest value never ends.
  const after = end && !concatenated ? successor(end) : undefined;
  if (!after) return;
  writer.nest(NFTA_LIST_ELEM, () => {
    writeData(writer, NFTA_SET_ELEM_KEY, after);
    writer.be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  });
}

/** Bytes as the value of an attribute that takes data. */
export function writeData(writer: MessageWriter, type: number, bytes: Uint8Array): void {
  writer.nest(type, () => writer.data(NFTA_DATA_VALUE, bytes));
}

/** A verdict as the value of an attribute that takes data. */
export function writeVerdict(writer: MessageWriter, type: number, verdict: Verdict): void {
  writer.nest(type, () =>
    writer.nest(NFTA_DATA_VERDICT, () => {
      writer.be32(NFTA_VERDICT_CODE, VERDICT_CODES[verdict.kind]);
      if ('chain' in verdict) writer.string(NFTA_VERDICT_CHAIN, verdict.chain);
    }),
  );
}

/** An element in the words of nft: `10.0.0.0-10.0.0.255 : goto web`. */
export function describeElement({ key, to, verdict, data }: Element): string {
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
