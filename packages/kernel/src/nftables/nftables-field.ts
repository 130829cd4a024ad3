/** Types of nftables, and their values in the kernel's bytes. Pure. */
import { formatAddress, formatMac, parseAddress, parseMac } from '../netlink/ip-address.ts';
import { decodeString } from '../netlink/message.ts';

/** One field of a key or of data. Several together are a concatenation. */
export type KeyField = { type: NumberType; value: number } | { type: TextType; value: string };

export type TextType = 'ifname' | 'ipv4_addr' | 'ipv6_addr' | 'ether_addr';
export type NumberType =
  | 'integer'
  | 'ether_type'
  | 'inet_proto'
  | 'inet_service'
  | 'icmp_type'
  | 'icmp_code'
  | 'icmpv6_type'
  | 'icmpv6_code';
export type FieldType = TextType | NumberType;

/** `number` is what nft itself calls the type by; the kernel keeps it for whoever lists the set (nftables, include/datatype.h). */
const TYPES: Readonly<Record<FieldType, { number: number; length: number }>> = {
  integer: { number: 4, length: 4 },
  ipv4_addr: { number: 7, length: 4 },
  ipv6_addr: { number: 8, length: 16 },
  ether_addr: { number: 9, length: 6 },
  ether_type: { number: 10, length: 2 },
  inet_proto: { number: 12, length: 1 },
  inet_service: { number: 13, length: 2 },
  icmp_type: { number: 14, length: 1 },
  icmpv6_type: { number: 29, length: 1 },
  icmp_code: { number: 32, length: 1 },
  icmpv6_code: { number: 33, length: 1 },
  ifname: { number: 41, length: 16 },
};
const BITS_PER_TYPE = 6;

/** Reads types as nft writes them: `ipv4_addr . inet_service`. Throws TypeError for a type that this module does not know. */
export function parseTypes(text: string): FieldType[] {
  return text.split(' . ').map((type) => {
    if (!isFieldType(type)) throw new TypeError(`"${type}" is not one of the types ${Object.keys(TYPES).join(', ')}`);
    return type;
  });
}

function isFieldType(type: string): type is FieldType {
  return Object.hasOwn(TYPES, type);
}

/** The number of a type or of a concatenation. */
export function typeNumber(types: readonly FieldType[]): number {
  return types.reduce((number, type) => (number << BITS_PER_TYPE) | TYPES[type].number, 0);
}

/** Bytes of a value of a type or of a concatenation. */
export function typeLength(types: readonly FieldType[]): number {
  const [only] = types;
  return types.length === 1 ? fieldLength(only!) : types.reduce((length, type) => length + padded(fieldLength(type)), 0);
}

export function fieldLength(type: FieldType): number {
  return TYPES[type].length;
}

/** Bytes of one field, in network order. Throws TypeError for a value that its type cannot hold. */
export function encodeField({ type, value }: KeyField): Uint8Array {
  const length = fieldLength(type);
  if (typeof value === 'number') {
    const highest = 2 ** (8 * length) - 1;
    if (length > 4 || !Number.isInteger(value) || value < 0 || value > highest)
      throw new TypeError(`${value} is not of type ${type}${length > 4 ? '' : `; it goes from 0 to ${highest}`}`);
    // What the kernel counts or hashes itself is in the machine's own order.
    if (type === 'integer') return new Uint8Array(Uint32Array.of(value).buffer);
    return length === 1 ? Uint8Array.of(value) : Uint8Array.of(value >> 8, value & 0xff);
  }
  if (type === 'ifname') {
    const bytes = new Uint8Array(length);
    const name = Buffer.from(value);
    if (name.length === 0 || name.length >= length) throw new TypeError(`"${value}" is not an interface name; it has 1 to 15 bytes`);
    bytes.set(name);
    return bytes;
  }
  if (type === 'ether_addr') return parseMac(value);
  const bytes = type === 'ipv4_addr' || type === 'ipv6_addr' ? parseAddress(value) : undefined;
  if (bytes?.length !== length) throw new TypeError(`"${value}" is not of type ${type}`);
  return bytes;
}

/** The field that bytes of a type stand for. Throws TypeError for other bytes than {@link encodeField} makes. */
export function decodeField(type: FieldType, bytes: Buffer): KeyField {
  if (bytes.length !== fieldLength(type)) throw new TypeError(`${bytes.length} bytes are not of type ${type}`);
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return { type, value: formatAddress(bytes) };
    case 'ether_addr':
      return { type, value: formatMac(bytes) };
    case 'ifname':
      return { type, value: decodeString(bytes) };
    case 'integer':
      return { type, value: bytes.readUInt32LE(0) };
    default:
      return { type, value: bytes.readUIntBE(0, bytes.length) };
  }
}

/** Bytes of a key, or of data. In a concatenation each field begins a new 32 bit register, zeroes behind it. */
export function encodeKey(key: readonly KeyField[]): Uint8Array {
  const [only] = key;
  if (!only) throw new TypeError('the key of an element has at least one field');
  if (key.length === 1) return encodeField(only);
  const bytes = new Uint8Array(typeLength(key.map(({ type }) => type)));
  let at = 0;
  for (const field of key) {
    bytes.set(encodeField(field), at);
    at += padded(fieldLength(field.type));
  }
  return bytes;
}

/** Length in whole 32 bit registers. */
export const padded = (length: number): number => (length + 3) & ~3;
