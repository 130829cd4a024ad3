import { addressFromNumber, cidrRange, parseAddress } from '@weir/resources';
import { PolicyError } from '../policy-error.ts';
import { addressNumber, isCanonicalAddress } from '../ranges/canonical-address.ts';
import { IntervalList } from '../ranges/interval-list.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import { VERSION_CHAIN } from './fixed-table.ts';
import { type KeyField, MUTED, type Statement, statementKey } from './statement.ts';
import type { Verdict } from './verdict.ts';

/** What is in the kernel, in the terms in which it is wanted. */
export interface ActualTable {
  /** Of the base table that is loaded, also if not all of it is there: see `BaseTable`. */
  layout?: string;
  /** Of the base table that is loaded; undefined if none is, or not all of it. */
  version?: string;
  /** Chains have no rules here: their names say what is in them. */
  statements: Map<string, Statement>;
}

/** Chains and maps that policy made have these prefixes; those of the base table have not. */
const MADE = /^[cglmnps]_/;

/** As nft calls them in elements. */
const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };
const ETHER_TYPES: Readonly<Record<string, number>> = { ip: 0x0800, ip6: 0x86dd };

/** Gives what a set or map of a table holds, however it finds that out; undefined: the listing has it. */
export interface SetReader {
  elements(set: ListedSet): Iterable<ListedElement> | undefined;
  /** Of a set of addresses: first and last of each interval, in network order, by rising address. */
  intervals(set: ListedSet & { type: 'ipv4_addr' | 'ipv6_addr' }): Uint8Array | undefined;
}

/** Addresses need not be in their canonical form. */
export type ListedElement = {
  readonly [Part in 'key' | 'to' | 'data']?: readonly KeyField[] | undefined;
} & { readonly key: readonly KeyField[]; readonly verdict?: Verdict | undefined };

/** A set or map, without what it holds. */
export interface ListedSet {
  readonly name: string;
  /** As nft writes it: see {@link MapStatement}. */
  readonly type: string;
  readonly interval: boolean;
}

const FROM_LISTING: SetReader = { elements: () => undefined, intervals: () => undefined };

/**
 * Reads what `nft -j list table <family> <name>` prints (libnftables-json(5)).
 *
 * @param json parsed; undefined if there is no such table
 * @param reader where the listing has no elements
 * @throws PolicyError ETABLE for what Weir cannot have written
 */
export function readTable(json: unknown, reader: SetReader = FROM_LISTING): ActualTable {
  const statements = new Map<string, Statement>();
  let version = '';
  let fixedRules = 0;
  const open: Statement = { kind: 'rules', chain: MUTED, rules: undefined };
  for (const item of entries(json)) {
    for (const statement of statementsOf(item, reader)) statements.set(statementKey(statement), statement);
    const { chain, comment } = record(item.rule);
    if (chain === VERSION_CHAIN && typeof comment === 'string') version = comment;
    else if (chain === MUTED) statements.set(statementKey(open), open);
    else if (typeof chain === 'string' && !MADE.test(chain)) fixedRules += 1;
  }
  const layout = version.split('-')[0]!;
  return { ...(layout !== '' && { layout }), ...(version.endsWith(`-${fixedRules}`) && { version }), statements };
}

type Json = Record<string, unknown>;

function entries(json: unknown): Json[] {
  if (json === undefined) return [];
  const list = record(json).nftables;
  if (!Array.isArray(list)) throw unexpected(json, 'an object with the list "nftables"');
  return list.map(record);
}

function* statementsOf(item: Json, reader: SetReader): Generator<Statement> {
  const { name: chain } = record(item.chain);
  if (typeof chain === 'string' && MADE.test(chain)) yield { kind: 'chain', name: chain, rules: [] };
  const set = record(item.set ?? item.map);
  if (typeof set.name !== 'string') return;
  const [types, dataTypes] = [typesOf(set.type), typesOf(set.map ?? [])];
  const flags = [set.flags ?? []].flat();
  const isInterval = flags.includes('interval');
  // What packets put there for a while nobody wants otherwise.
  if (flags.includes('timeout')) return;
  const type = [types, ...(dataTypes.length === 0 ? [] : [dataTypes])].map((part) => part.join(' . ')).join(' : ');
  const listed: ListedSet = { name: set.name, type, interval: isInterval };
  if (MADE.test(set.name)) yield { kind: 'map', ...listed };
  const members: unknown[] = Array.isArray(set.elem) ? set.elem : [];
  if (MADE.test(set.name) && isInterval && item.map === undefined) {
    yield { kind: 'intervals', set: set.name, intervals: intervalsOf(listed, members, reader) };
    return;
  }
  const read = reader.elements(listed);
  if (read !== undefined) {
    for (const { key, to, verdict, data } of read) {
      const element = { key: key.map(canonicalField), ...(to && { to: to.map(canonicalField) }) };
      yield { kind: 'element', set: set.name, ...element, ...(verdict && { verdict }), ...(data && { data: data.map(canonicalField) }) };
    }
    return;
  }
  for (const element of members) {
    const [key, target] = item.map === undefined ? [element, undefined] : (element as unknown[]);
    yield { kind: 'element', set: set.name, ...keyOf(key, types, isInterval), ...(target !== undefined && targetOf(target, dataTypes)) };
  }
}

/** Of a map's key or data: one type as text, or several as a list, or (data) several as one text. */
function typesOf(json: unknown): string[] {
  return typeof json === 'string' ? json.split(' . ') : (json as string[]);
}

function targetOf(json: unknown, types: string[]): { verdict: Verdict } | { data: KeyField[] } {
  return types[0] === 'verdict' ? { verdict: verdictOf(json) } : { data: fieldsOf(json, types) };
}

function fieldsOf(json: unknown, types: string[]): KeyField[] {
  return partsOf(json, types).map((part, index) => fieldOf(part, types[index]!));
}

/** Of a set of nets. The kernel lists them by rising address, unless there was a change while it did. */
function intervalsOf(set: ListedSet, members: readonly unknown[], reader: SetReader): IntervalList {
  const type = set.type as 'ipv4_addr' | 'ipv6_addr';
  const family = type === 'ipv4_addr' ? 'IPv4' : 'IPv6';
  const bytes = reader.intervals({ ...set, type });
  if (bytes !== undefined) return IntervalList.ofBytes(family, bytes);
  const ranges = members.map((member) => rangeOf(member, type));
  const isRising = ranges.every(({ first }, index) => index === 0 || ranges[index - 1]!.first < first);
  return IntervalList.of(family, isRising ? ranges : ranges.sort(byFirst));
}

const byFirst = (left: AddressRange, right: AddressRange) => (left.first < right.first ? -1 : 1);

function rangeOf(json: unknown, type: string): AddressRange {
  const { key, to } = keyOf(json, [type], true);
  const [first, last] = [key, to!].map(([field]) => addressNumber(String(field!.value))) as [bigint, bigint];
  return { first, last };
}

function keyOf(json: unknown, types: string[], isInterval: boolean): { key: KeyField[]; to?: KeyField[] } {
  // An element with a comment, timeout or counter is wrapped once more.
  const value = record(record(json).elem).val ?? json;
  const bounds = partsOf(value, types).map((part, index) => boundsOf(part, types[index]!));
  const key = bounds.map(([first]) => first);
  return isInterval ? { key, to: bounds.map(([, last]) => last) } : { key };
}

function partsOf(json: unknown, types: string[]): unknown[] {
  const parts = record(json).concat ?? [json];
  if (!Array.isArray(parts) || parts.length !== types.length) throw unexpected(json, `a value of type ${types.join(' . ')}`);
  return parts;
}

function boundsOf(json: unknown, type: string): [KeyField, KeyField] {
  const { range, prefix } = record(json);
  if (Array.isArray(range)) return [fieldOf(range[0], type), fieldOf(range[1], type)];
  if (prefix === undefined) return [fieldOf(json, type), fieldOf(json, type)];
  const { addr, len } = record(prefix);
  const { first, last, family } = cidrRange(`${addr}/${len}`);
  return [fieldOf(addressFromNumber(first, family), type), fieldOf(addressFromNumber(last, family), type)];
}

function fieldOf(value: unknown, type: string): KeyField {
  if (type === 'integer' && typeof value === 'number') return { type, value };
  // A field that was named by its place in the packet; all that Weir has of these are IPv6 addresses.
  if (type === 'integer' && typeof value === 'string') return { type: 'ipv6_addr', value: addressFromNumber(BigInt(value), 'IPv6') };
  if ((type === 'ifname' || type === 'ether_addr') && typeof value === 'string') return { type, value };
  if ((type === 'ipv4_addr' || type === 'ipv6_addr') && typeof value === 'string') return { type, value: canonical(value) };
  if (type === 'inet_proto' && typeof value === 'string' && value in PROTOCOLS) return { type, value: PROTOCOLS[value]! };
  if (type === 'ether_type' && typeof value === 'string' && value in ETHER_TYPES) return { type, value: ETHER_TYPES[value]! };
  if ((type === 'inet_proto' || type === 'inet_service') && typeof value === 'number') return { type, value };
  throw unexpected(value, `a value of type ${type}`);
}

/** The kernel's edges of an IPv6 interval can look like mapped IPv4 addresses, which `parseAddress` refuses. */
function canonical(address: string): string {
  const mapped = address.startsWith('::') && address.includes('.');
  return mapped ? addressFromNumber(cidrRange(`${address}/128`).first, 'IPv6') : parseAddress(address);
}

function canonicalField(field: KeyField): KeyField {
  if ((field.type !== 'ipv4_addr' && field.type !== 'ipv6_addr') || isCanonicalAddress(field.value)) return field;
  return {
    ...field,
    value: addressFromNumber(
      cidrRange(`${field.value}/${field.type === 'ipv4_addr' ? 32 : 128}`).first,
      field.type === 'ipv4_addr' ? 'IPv4' : 'IPv6',
    ),
  };
}

function verdictOf(json: unknown): Verdict {
  const [kind] = Object.keys(record(json));
  if (kind === 'accept' || kind === 'drop' || kind === 'return') return { kind };
  const { target } = record(record(json)[kind ?? '']);
  if ((kind === 'goto' || kind === 'jump') && typeof target === 'string') return { kind, chain: target };
  throw unexpected(json, 'a verdict');
}

function record(json: unknown): Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Json) : {};
}

function unexpected(found: unknown, expected: string): PolicyError {
  return new PolicyError('ETABLE', `the listing of the table has ${JSON.stringify(found)?.slice(0, 200)} where ${expected} was expected`);
}
