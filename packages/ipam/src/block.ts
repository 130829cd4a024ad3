/** A block: the run of addresses that one host gives out, with who holds which. Pure. */
import {
  ADDRESS_BITS,
  type AddressRange,
  type Allocation,
  addressFromNumber,
  addressToNumber,
  type Block,
  type BlockSpec,
  blockName,
  cidrContains,
  cidrRange,
  keyPrefix,
  parseObject,
} from '@weir/resources';

/** Who holds an address: one interface of one container. */
export interface Owner {
  containerId: string;
  interfaceName: string;
}

/** All keys of blocks begin with it. */
export const BLOCK_PREFIX = keyPrefix('Block');

/** The inverse of `blockName`: it tells what range of which address space a block takes even when its value is unreadable. */
export function blockPlace(name: string): Pick<BlockSpec, 'cidr' | 'network'> {
  const end = name.indexOf('_');
  const range = name.slice(end + 1);
  const slash = range.lastIndexOf('-');
  const cidr = `${range.slice(0, slash).replaceAll('-', ':')}/${range.slice(slash + 1)}`;
  return end < 0 ? { cidr } : { cidr, network: name.slice(0, end) };
}

/** How many addresses; a block holds at most 4096 (/20, /116). Every one is usable: they are routed one by one, so none is a broadcast address. */
export function blockSize(cidr: string): number {
  const { family, prefixLength } = cidrRange(cidr);
  return 2 ** (ADDRESS_BITS[family] - prefixLength);
}

export const usedIn = (block: Pick<BlockSpec, 'allocations'>): number => Object.keys(block.allocations).length;

export interface FreeOptions {
  /** The address given last: the search goes on behind it, so that it need not pass all that were given before. */
  recent?: string;
  /** Addresses that are not given unasked. */
  reserved?: readonly AddressRange[];
  /** Addresses given back in this time rest. Default: none does. */
  rest?: RestPeriod;
}

/** Both in ms since the epoch. */
export interface RestPeriod {
  /** Who was given back until then has rested. */
  since: number;
  /** And who was later, by a clock that was ahead and was set right since, is not to wait until that time has come. */
  until: number;
}

/** The next free address that does not rest, so that packets and cached names meant for its last holder do not reach the next. */
export function nextFree(block: BlockSpec, { recent, reserved = [], rest }: FreeOptions = {}): string | undefined {
  if (isSpent(block, rest)) return undefined;
  const { family, first } = cidrRange(block.cidr);
  const size = blockSize(block.cidr);
  const start = recent === undefined ? 0 : Number(addressToNumber(recent) - first) + 1;
  const kept = rangesWithin(reserved, block.cidr);
  for (let step = 0; step < size; step++) {
    const number = first + BigInt((start + step) % size);
    const address = addressFromNumber(number, family);
    if (block.allocations[address] !== undefined || isReserved(kept, number)) continue;
    if (rest === undefined || !isWithin(rest, block.released[address] ?? 0)) return address;
  }
  return undefined;
}

const isWithin = ({ since, until }: RestPeriod, time: number) => time > since && time <= until;

/**
 * Whether all addresses that nobody has rest. Told without a look at each: hosts where tasks come and go have
 * many whole blocks at rest, and every allocation passes them.
 */
export function isSpent(block: BlockSpec, rest: RestPeriod | undefined): boolean {
  const { free, resting, first, last } = restOf(block);
  if (rest === undefined) return free === 0;
  if (resting < free) return false;
  if (isWithin(rest, first) && isWithin(rest, last)) return true;
  // The earliest released are the first ones.
  for (const address in block.released) if (!isWithin(rest, block.released[address]!)) return false;
  return true;
}

interface Rest {
  /** Addresses that nobody has. */
  free: number;
  /** Of these, the ones whose release is remembered; none of them was before `first` or after `last`. */
  resting: number;
  first: number;
  last: number;
}

/** A block that nobody changed is the same value, and is not gone through again. */
function restOf(block: BlockSpec): Rest {
  let known = rests.get(block);
  if (known === undefined) {
    known = {
      free: blockSize(block.cidr) - usedIn(block),
      resting: 0,
      first: Number.POSITIVE_INFINITY,
      last: Number.NEGATIVE_INFINITY,
    };
    for (const address in block.released) {
      const time = block.released[address]!;
      known.resting++;
      known.first = Math.min(known.first, time);
      known.last = Math.max(known.last, time);
    }
    rests.set(block, known);
  }
  return known;
}

const rests = new WeakMap<BlockSpec, Rest>();

/** Of the free addresses the one that rests longest; for when all of them do. */
export function longestRested(block: BlockSpec, reserved: readonly AddressRange[] = []): string | undefined {
  const kept = rangesWithin(reserved, block.cidr);
  const free = Object.entries(block.released).filter(([address]) => !isReserved(kept, addressToNumber(address)));
  return free.sort(([, one], [, other]) => one - other)[0]?.[0];
}

/** How many addresses of the block nobody has, and are not reserved; those at rest too. */
export function freeIn(block: BlockSpec, reserved: readonly AddressRange[]): number {
  const kept = rangesWithin(reserved, block.cidr);
  const given = Object.keys(block.allocations).filter((address) => !isReserved(kept, addressToNumber(address)));
  return blockSize(block.cidr) - given.length - sizeOf(kept);
}

/** How many addresses the ranges have together; one that is in several counts once. `ranges` by their first addresses. */
export function sizeOf(ranges: readonly AddressRange[]): number {
  let [count, next] = [0n, 0n];
  for (const { first, last } of ranges) {
    const from = first > next ? first : next;
    if (last >= from) count += last - from + 1n;
    if (last >= next) next = last + 1n;
  }
  return Number(count);
}

/** The parts of the ranges that lie in the CIDR, by their first addresses. */
export function rangesWithin(ranges: readonly AddressRange[], cidr: string): AddressRange[] {
  const { family, first, last } = cidrRange(cidr);
  const overlapping = ranges.filter((range) => range.family === family && range.first <= last && range.last >= first);
  return overlapping.map((range) => ({ family, first: larger(range.first, first), last: smaller(range.last, last) })).sort(byFirst);
}

const byFirst = (one: AddressRange, other: AddressRange): number => (one.first < other.first ? -1 : 1);
// Math.max and Math.min take no bigint.
function larger(one: bigint, other: bigint): bigint {
  if (one < other) return other;
  return one;
}

const smaller = (one: bigint, other: bigint): bigint => -larger(-one, -other);

const isReserved = (ranges: readonly AddressRange[], number: bigint): boolean =>
  ranges.some(({ first, last }) => first <= number && number <= last);

/** The addresses of a block that the owner, on that host, holds. */
export const heldIn = (block: BlockSpec, owner: Owner, host: string): string[] =>
  Object.keys(block.allocations).filter((address) => isOwner(block.allocations[address]!, owner, host));

export const isOwner = (allocation: Allocation, { containerId, interfaceName }: Owner, host: string): boolean =>
  allocation.containerId === containerId && allocation.interfaceName === interfaceName && allocation.host === host;

/** Whether the block is the host's, or holds addresses of it that were borrowed. */
export const concerns = (block: BlockSpec, host: string): boolean =>
  block.host === host || Object.values(block.allocations).some((allocation) => allocation.host === host);

/** A block of which nothing is given. Its numbers go on from the clock, so that they are above those of the block that was there before. */
export const emptyBlock = (at: Pick<BlockSpec, 'cidr' | 'pool' | 'network' | 'host'>, nowMs: number): BlockSpec => ({
  ...at,
  sequence: nowMs * 1000,
  allocations: {},
  released: {},
});

export function withAllocation(block: BlockSpec, address: string, allocation: Omit<Allocation, 'sequence'>): BlockSpec {
  const { sequence } = block;
  const rested = block.released[address] !== undefined;
  const released = rested ? without(block.released, address) : block.released;
  const given: Allocation = { ...allocation, sequence };
  const next = { ...block, sequence: sequence + 1, allocations: { ...block.allocations, [address]: given }, released };
  if (block.allocations[address] !== undefined) return next;
  const known = rests.get(block);
  // `first` and `last` as they were are still true of the others.
  if (known !== undefined) rests.set(next, { ...known, free: known.free - 1, resting: known.resting - Number(rested) });
  const text = texts.get(block.allocations);
  const separator = text === '' ? '' : ',';
  if (text !== undefined) texts.set(next.allocations, `${text}${separator}${JSON.stringify(address)}:${JSON.stringify(given)}`);
  return next;
}

function without<T>(entries: Readonly<Record<string, T>>, name: string): Record<string, T> {
  const rest = { ...entries };
  delete rest[name];
  return rest;
}

export interface ReleaseTimes {
  /** When the addresses begin to rest, in ms since the epoch. */
  now: number;
  /** Since when one rests no more. */
  forget: number;
}

/** Without the addresses, but for those that a claim keeps: these are its alone, at no host. */
export function withoutAddresses(block: BlockSpec, addresses: readonly string[], { now, forget }: ReleaseTimes): BlockSpec {
  const released = Object.fromEntries(Object.entries(block.released).filter(([, since]) => since >= forget));
  const allocations = { ...block.allocations };
  for (const address of addresses) {
    const { claim, sequence } = allocations[address]!;
    delete allocations[address];
    if (claim === undefined) released[address] = now;
    else allocations[address] = { host: block.host, claim, sequence };
  }
  return { ...block, allocations, released };
}

/** The block cut into such of the prefix length, each with what was given of it. */
export function partsOf(block: BlockSpec, prefixLength: number): BlockSpec[] {
  const { family, first, last } = cidrRange(block.cidr);
  const size = 1n << BigInt(ADDRESS_BITS[family] - prefixLength);
  const parts: BlockSpec[] = [];
  for (let start = first; start <= last; start += size) {
    const cidr = `${addressFromNumber(start, family)}/${prefixLength}`;
    const within = <T>(entries: Record<string, T>): Record<string, T> =>
      Object.fromEntries(Object.entries(entries).filter(([address]) => cidrContains(cidr, address)));
    parts.push({ ...block, cidr, allocations: within(block.allocations), released: within(block.released) });
  }
  return parts;
}

/** Since when nothing of the block is given, in ms since the epoch; 0 when that is not known. Undefined when something is. */
export const emptySince = (block: BlockSpec): number | undefined =>
  usedIn(block) > 0 ? undefined : Math.max(0, ...Object.values(block.released));

/** The stored object of a block. */
export const blockObject = (spec: BlockSpec): Block => ({
  apiVersion: 'weir/v1',
  kind: 'Block',
  metadata: { name: blockName(spec), labels: {}, annotations: {} },
  spec,
});

/** The stored text of a block, as JSON.stringify has it. */
export function encodeBlock(spec: BlockSpec): string {
  const rest = JSON.stringify(blockObject({ ...spec, allocations: {} }));
  // Quotes within texts are escaped, so that it is found once.
  return rest.replace('"allocations":{}', () => `"allocations":{${textOf(spec.allocations)}}`);
}

/** Without the brackets. With each address that is given it grows by that address alone: a block has many, and is written each time. */
function textOf(allocations: BlockSpec['allocations']): string {
  let text = texts.get(allocations);
  if (text === undefined) {
    text = JSON.stringify(allocations).slice(1, -1);
    texts.set(allocations, text);
  }
  return text;
}

const texts = new WeakMap<BlockSpec['allocations'], string>();

/** The block of a stored text. Throws ValidationError. */
export const decodeBlock = (text: string): BlockSpec => (parseObject(JSON.parse(text)) as Block).spec;
