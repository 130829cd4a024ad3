/** What sets and maps hold, out of the messages in which the kernel lists it (linux/netfilter/nf_tables.h). Pure. */
import { attributeList, decodeAttributes, decodeString } from '../netlink/message.ts';
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
import type { Element, Verdict } from './nftables-element.ts';
import { decodeField, type FieldType, fieldLength, type KeyField, padded, typeLength } from './nftables-field.ts';
import type { SetShape } from './nftables-set.ts';

const NFGENMSG_BYTES = 4;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NLA_TYPE_MASK = 0x3fff;
const ATTRIBUTE_HEADER = 4;
const VERDICTS = new Map<number | undefined, Verdict['kind']>(
  Object.entries(VERDICT_CODES).map(([kind, code]) => [code, kind as Verdict['kind']]),
);

/** Elements as they were given to the kernel, but for their order. @param payloads of NFT_MSG_NEWSETELEM */
export function decodeElements(payloads: readonly Buffer[], { key: types, data, interval }: SetShape): Element[] {
  const raw = payloads.flatMap((payload) => [...elementsOf(payload)]);
  const isTree = interval && types.length === 1;
  const targetOf = (element: RawElement): Pick<Element, 'verdict' | 'data'> => {
    if (data === undefined || element.data === undefined) return {};
    return data === 'verdict' ? { verdict: verdictOf(element.data) } : { data: fieldsOf(valueIn(element.data), data) };
  };
  if (isTree) {
    return pairs(raw).map(([start, last]) => ({ key: fieldsOf(start.key, types), to: fieldsOf(last, types), ...targetOf(start) }));
  }
  return raw.map((element) => ({
    key: fieldsOf(element.key, types),
    ...(interval && { to: fieldsOf(element.end ?? element.key, types) }),
    ...targetOf(element),
  }));
}

/**
 * The intervals of a set of addresses: first and last of each, both included, in network order, by rising address. As `decodeElements`,
 * for a million of them.
 *
 * @param width bytes of an address
 */
export function decodeIntervals(payloads: readonly Buffer[], width: number): Uint8Array {
  const edges = payloads.flatMap((payload) => [...edgesOf(payload, width)]);
  // The kernel lists by falling or by rising address, unless there was a change while it did.
  if (edges.length > 1 && inOrder(edges[0]!, edges.at(-1)!) > 0) edges.reverse();
  if (!edges.every((edge, index) => index === 0 || inOrder(edges[index - 1]!, edge) <= 0)) edges.sort(inOrder);
  const bytes = new Uint8Array(edges.length * 2 * width);
  let at = 0;
  for (const [start, last] of pairs(edges)) {
    bytes.set(start.key, at);
    bytes.set(last, at + width);
    at += 2 * width;
  }
  return bytes.subarray(0, at);
}

/** Of a tree: where an interval begins, or what comes behind its last value. */
interface Edge {
  key: Buffer;
  isEnd: boolean;
}

interface RawElement extends Edge {
  end?: Buffer;
  data?: Buffer;
}

function* elementsOf(payload: Buffer): Generator<RawElement> {
  const list = decodeAttributes(payload, NFGENMSG_BYTES).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list === undefined) return;
  for (const [, element] of attributeList(list)) {
    const attributes = decodeAttributes(element);
    const key = attributes.get(NFTA_SET_ELEM_KEY);
    if (key === undefined) continue;
    const [end, data] = [attributes.get(NFTA_SET_ELEM_KEY_END), attributes.get(NFTA_SET_ELEM_DATA)];
    const flags = attributes.get(NFTA_SET_ELEM_FLAGS)?.readUInt32BE(0) ?? 0;
    yield {
      key: valueIn(key),
      isEnd: (flags & NFT_SET_ELEM_INTERVAL_END) !== 0,
      ...(end && { end: valueIn(end) }),
      ...(data && { data }),
    };
  }
}

/** As `elementsOf`, ten times as fast: with a view of each attribute, most of the time would go there. */
function* edgesOf(payload: Buffer, width: number): Generator<Edge> {
  const list = decodeAttributes(payload, NFGENMSG_BYTES).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list === undefined) return;
  for (let at = 0; at + ATTRIBUTE_HEADER <= list.length; ) {
    const end = at + list.readUInt16LE(at);
    let key = -1;
    let flags = 0;
    for (let inner = at + ATTRIBUTE_HEADER; inner + ATTRIBUTE_HEADER <= end; ) {
      const type = list.readUInt16LE(inner + 2) & NLA_TYPE_MASK;
      if (type === NFTA_SET_ELEM_KEY) key = inner + 2 * ATTRIBUTE_HEADER;
      if (type === NFTA_SET_ELEM_FLAGS) flags = list.readUInt32BE(inner + ATTRIBUTE_HEADER);
      inner += padded(list.readUInt16LE(inner));
    }
    if (key >= 0) yield { key: list.subarray(key, key + width), isEnd: (flags & NFT_SET_ELEM_INTERVAL_END) !== 0 };
    at = padded(end);
  }
}

/** The start of each interval, and its last value; by rising value. */
function pairs<T extends Edge>(edges: readonly T[]): [start: T, last: Buffer][] {
  const found: [T, Buffer][] = [];
  let start: T | undefined;
  for (const edge of isSorted(edges) ? edges : edges.toSorted(inOrder)) {
    if (start !== undefined) found.push([start, predecessor(edge.key)]);
    start = edge.isEnd ? undefined : edge;
  }
  // One up to the highest value never ends.
  if (start !== undefined) found.push([start, Buffer.alloc(start.key.length, 0xff)]);
  return found;
}

const isSorted = (edges: readonly Edge[]) => edges.every((edge, index) => index === 0 || inOrder(edges[index - 1]!, edge) <= 0);

/** Where one interval ends and the next begins, the end comes first. */
function inOrder(left: Edge, right: Edge): number {
  return Buffer.compare(left.key, right.key) || Number(right.isEnd) - Number(left.isEnd);
}

function predecessor(bytes: Buffer): Buffer {
  const before = Buffer.from(bytes);
  for (let at = before.length - 1; at >= 0; at -= 1) {
    before[at] = (before[at]! - 1) & 0xff;
    if (before[at] !== 0xff) break;
  }
  return before;
}

function valueIn(data: Buffer): Buffer {
  return decodeAttributes(data).get(NFTA_DATA_VALUE) ?? Buffer.alloc(0);
}

function verdictOf(data: Buffer): Verdict {
  const attributes = decodeAttributes(decodeAttributes(data).get(NFTA_DATA_VERDICT) ?? Buffer.alloc(0));
  const code = attributes.get(NFTA_VERDICT_CODE)?.readInt32BE(0);
  const kind = VERDICTS.get(code);
  if (kind === undefined) throw new TypeError(`the kernel lists a verdict of code ${code}`);
  return kind === 'jump' || kind === 'goto' ? { kind, chain: decodeString(attributes.get(NFTA_VERDICT_CHAIN)!) } : { kind };
}

/** Of a key or of data: in a concatenation each field begins a new 32 bit register. */
function fieldsOf(bytes: Buffer, types: readonly FieldType[]): KeyField[] {
  if (bytes.length !== typeLength(types)) throw new TypeError(`the kernel lists ${bytes.length} bytes as ${types.join(' . ')}`);
  let at = 0;
  return types.map((type) => {
    const field = decodeField(type, bytes.subarray(at, at + fieldLength(type)));
    at += padded(fieldLength(type));
    return field;
  });
}
