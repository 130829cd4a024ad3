import { cidrRange, familyOf, parseCidr } from '@weir/resources';

/** For sorting addresses or CIDRs, all valid: IPv4 before IPv6, then by number, not by text; of two that begin alike the larger one first. */
export function compareAddresses(left: string, right: string): number {
  if (familyOf(left) !== familyOf(right)) return familyOf(left) === 'IPv4' ? -1 : 1;
  const [one, other] = [cidrRange(parseCidr(left)), cidrRange(parseCidr(right))];
  if (one.first !== other.first) return one.first < other.first ? -1 : 1;
  return one.prefixLength - other.prefixLength;
}
