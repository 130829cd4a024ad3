import { ValidationError } from '../validation/validation-error.ts';
import { ADDRESS_BITS, addressFromNumber, addressToNumber, cidrRange, type Family, familyOf, parseAddress, parseCidr } from './address.ts';

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  family: Family;
  first: bigint;
  last: bigint;
}

/**
 * Reads an address, a CIDR, or two addresses with `-` between.
 *
 * @throws ValidationError
 */
export function parseAddressRange(value: unknown): AddressRange {
  const [from, to, ...rest] = typeof value === 'string' ? value.split('-').map((part) => part.trim()) : [];
  if (to === undefined) {
    const { family, first, last } = cidrRange(parseCidr(value));
    return { family, first, last };
  }
  if (rest.length > 0) throw ValidationError.of(value, 'is no range', 'expected one such as "10.1.0.10-10.1.0.20"');
  const [first, last] = [parseAddress(from), parseAddress(to)];
  const family = familyOf(first);
  if (family !== familyOf(last)) throw ValidationError.of(value, 'is no range', 'both ends have to be of one family');
  if (addressToNumber(first) > addressToNumber(last)) {
    throw ValidationError.of(value, 'ends before it begins', `write "${last}-${first}"`);
  }
  return { family, first: addressToNumber(first), last: addressToNumber(last) };
}

/** The inverse of {@link parseAddressRange}, in its shortest form. */
export function rangeText({ family, first, last }: AddressRange): string {
  const [from, to] = [addressFromNumber(first, family), addressFromNumber(last, family)];
  if (first === last) return from;
  const size = last - first + 1n;
  const bits = size.toString(2).length - 1;
  const isCidr = size === 1n << BigInt(bits) && first % size === 0n;
  return isCidr ? `${from}/${ADDRESS_BITS[family] - bits}` : `${from}-${to}`;
}
