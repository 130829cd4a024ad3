import ipaddr from 'ipaddr.js';
import { takes } from '../validation/json-shape.ts';
import { show, ValidationError } from '../validation/validation-error.ts';

declare const brand: unique symbol;

/** An IP address in canonical text: dotted quad, or IPv6 as RFC 5952 §4 writes it. */
export type Address = string & { readonly [brand]: 'Address' };

/** An address block in canonical text, `10.1.0.0/16` or `fd00::/64`; no host bits. */
export type Cidr = string & { readonly [brand]: 'Cidr' };

export type Family = 'IPv4' | 'IPv6';

const DOT = '.'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Bits in an address of the family. */
export const ADDRESS_BITS: Readonly<Record<Family, 32 | 128>> = { IPv4: 32, IPv6: 128 };

/** Family of an address or CIDR in any text form that the parsers accept. */
export function familyOf(addressOrCidr: string): Family {
  return addressOrCidr.includes(':') ? 'IPv6' : 'IPv4';
}

/**
 * Reads an IP address and gives its canonical text.
 *
 * @throws ValidationError for anything else: leading zeros, zones (`fe80::1%eth0`), prefix lengths, and IPv4-mapped IPv6
 * addresses, since the kernel would treat those as other addresses than the IPv4 ones that their writer means.
 */
export function parseAddress(value: unknown): Address {
  return (typeof value === 'string' ? canonicalAddress(value) : undefined) ?? refuseAddress(value);
}
takes(parseAddress, { type: 'string', description: 'an IPv4 or IPv6 address' });

function canonicalAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return text as Address;
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? undefined : (address.toRFC5952String() as Address);
}

function refuseAddress(value: unknown): never {
  if (typeof value === 'string' && value.includes('%')) throw ValidationError.of(value, 'has a zone', 'write the address without "%…"');
  if (typeof value === 'string' && value.includes('/')) throw ValidationError.of(value, 'has a prefix length', 'write a plain IP address');
  if (typeof value === 'string' && ipaddr.IPv6.isValid(value)) {
    const plain = ipaddr.IPv6.parse(value).toIPv4Address();
    throw ValidationError.of(value, 'is an IPv4 address mapped into IPv6', `write "${plain}"`);
  }
  throw ValidationError.of(value, 'is no IP address', 'expected one such as "10.1.0.7" or "fd00::7"');
}

/**
 * Reads a CIDR and gives its canonical text. A plain address is taken as the block of just that address (/32, /128).
 *
 * @throws ValidationError, with the corrected CIDR in its text when host bits are set.
 */
export function parseCidr(value: unknown): Cidr {
  const cidr = parseLooseCidr(value);
  const network = networkOf(cidr.address, cidr.prefixLength);
  if (network !== cidr.address) {
    const single = `${cidr.address}/${ADDRESS_BITS[familyOf(cidr.address)]}`;
    throw ValidationError.of(
      value,
      'has host bits set',
      `write "${network}/${cidr.prefixLength}" for the block, or "${single}" for the address`,
    );
  }
  return `${cidr.address}/${cidr.prefixLength}` as Cidr;
}
takes(parseCidr, { type: 'string', description: 'a CIDR, or an address for the block of that alone' });

/** As {@link parseCidr}, but host bits are cleared instead of refused: Kubernetes takes such blocks. */
export function parseCidrClearingHostBits(value: unknown): Cidr {
  const { address, prefixLength } = parseLooseCidr(value);
  return `${networkOf(address, prefixLength)}/${prefixLength}` as Cidr;
}
takes(parseCidrClearingHostBits, { type: 'string' });

function parseLooseCidr(value: unknown): { address: Address; prefixLength: number } {
  const [base, length, ...rest] = typeof value === 'string' ? value.split('/') : [];
  if (base === undefined || rest.length > 0) refuseCidr(value);
  const address = canonicalAddress(base);
  if (address === undefined) return ipaddr.IPv6.isValid(base) ? refuseAddress(base) : refuseCidr(value);
  const bits = ADDRESS_BITS[familyOf(address)];
  if (length === undefined) return { address, prefixLength: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) {
    throw ValidationError.of(value, `has the prefix length ${show(length)}`, `allowed are 0 to ${bits} for ${familyOf(address)}`);
  }
  return { address, prefixLength: Number(length) };
}

function refuseCidr(value: unknown): never {
  throw ValidationError.of(value, 'is no CIDR', 'expected one such as "10.1.0.0/16" or "fd00::/64"');
}

/** The address as an unsigned number, 32 or 128 bits wide. Takes canonical text. */
export function addressToNumber(address: string): bigint {
  if (familyOf(address) === 'IPv4') return BigInt(dottedNumber(address));
  let number = 0n;
  for (const byte of ipaddr.parse(address).toByteArray()) number = (number << 8n) | BigInt(byte);
  return number;
}

/** Digit by digit: network sets have a million of them. */
function dottedNumber(address: string): number {
  let [number, byte] = [0, 0];
  for (let at = 0; at < address.length; at += 1) {
    const code = address.charCodeAt(at);
    if (code === DOT) {
      number = number * 256 + byte;
      byte = 0;
    } else byte = byte * 10 + code - ZERO;
  }
  return number * 256 + byte;
}

/** The inverse of {@link addressToNumber}. */
export function addressFromNumber(number: bigint, family: Family): Address {
  const bits = ADDRESS_BITS[family];
  if (number < 0n || number >> BigInt(bits) !== 0n) throw new RangeError(`${number} is outside of ${family}`);
  if (family === 'IPv4') {
    const plain = Number(number);
    return `${plain >>> 24}.${(plain >>> 16) & 255}.${(plain >>> 8) & 255}.${plain & 255}` as Address;
  }
  const bytes = Array.from({ length: bits / 8 }, (_, index) => Number((number >> BigInt(bits - 8 * (index + 1))) & 0xffn));
  const address = ipaddr.fromByteArray(bytes);
  return (address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()) as Address;
}

function networkOf(address: Address, prefixLength: number): Address {
  const family = familyOf(address);
  const hostBits = BigInt(ADDRESS_BITS[family] - prefixLength);
  return addressFromNumber((addressToNumber(address) >> hostBits) << hostBits, family);
}

/** What a canonical CIDR spans; `first` and `last` are inclusive. */
export function cidrRange(cidr: string): { family: Family; prefixLength: number; first: bigint; last: bigint } {
  const slash = cidr.indexOf('/');
  const family = familyOf(cidr);
  const prefixLength = Number(cidr.slice(slash + 1));
  const first = addressToNumber(cidr.slice(0, slash));
  return { family, prefixLength, first, last: first + (1n << BigInt(ADDRESS_BITS[family] - prefixLength)) - 1n };
}

/** Whether a canonical CIDR holds a canonical address, or all of another canonical CIDR. */
export function cidrContains(cidr: string, addressOrCidr: string): boolean {
  if (familyOf(cidr) !== familyOf(addressOrCidr)) return false;
  const outer = cidrRange(cidr);
  if (addressOrCidr.includes('/')) {
    const inner = cidrRange(addressOrCidr);
    return outer.first <= inner.first && inner.last <= outer.last;
  }
  const address = addressToNumber(addressOrCidr);
  return outer.first <= address && address <= outer.last;
}

/** Whether two canonical CIDRs share an address. */
export function cidrsOverlap(left: string, right: string): boolean {
  return cidrContains(left, right) || cidrContains(right, left);
}
