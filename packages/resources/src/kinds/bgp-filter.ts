import { z } from 'zod';
import { ADDRESS_BITS, cidrRange, familyOf, parseCidr } from '../address/address.ts';
import { parseIpVersion } from '../rule/ip-version.ts';
import { acrossFields, failed, field, integer, oneOf, text } from '../validation/field.ts';
import { INTERFACE_NAME } from './endpoint.ts';

/** Which routes a session takes in, and which it gives out. BgpPeers name it. */
export interface BgpFilterSpec {
  /** Routes that the peer tells of. What no rule decides is taken in. */
  import: BgpFilterRule[];
  /** Routes that the peer would be told of. What no rule decides goes as the pools say. */
  export: BgpFilterRule[];
}

/** All criteria given have to hold. The first rule of which they do decides. */
export interface BgpFilterRule {
  action: 'Accept' | 'Reject';
  /** Both families when absent and no CIDR says which. */
  ipVersion?: 4 | 6;
  cidr?: string;
  /** How the route's destination stands to `cidr`: within it, or it itself counted in (`In`), the very same (`Equal`), or not so. Default `In`. */
  operator?: CidrOperator;
  /** Of the route, inclusive. */
  prefixLength?: { minimum?: number; maximum?: number };
  /** The host's, by which the route leads; `*` stands for any characters. */
  interface?: string;
  /** Where this host has the route from: Weir itself (blocks, services), BGP peers, or the host (its links, routes that others made). */
  source?: 'Weir' | 'Peers' | 'Host';
}

export type CidrOperator = 'In' | 'NotIn' | 'Equal' | 'NotEqual';

const prefixLength = integer({ what: 'prefix length', minimum: 0, maximum: ADDRESS_BITS.IPv6 });

const bgpFilterRuleSchema: z.ZodType<BgpFilterRule> = acrossFields(
  z.strictObject({
    action: oneOf('Accept', 'Reject'),
    ipVersion: field(parseIpVersion).optional(),
    cidr: field(parseCidr).optional(),
    operator: oneOf('In', 'NotIn', 'Equal', 'NotEqual').optional(),
    prefixLength: z.strictObject({ minimum: prefixLength.optional(), maximum: prefixLength.optional() }).optional(),
    interface: text({
      what: 'interface name',
      pattern: /^[\w.*@-]{1,15}$/,
      allowed: `${INTERFACE_NAME.allowed}, with "*" for any characters`,
    }).optional(),
    source: oneOf('Weir', 'Peers', 'Host').optional(),
  }),
  ({ cidr, operator, ipVersion, prefixLength: length }, report) => {
    if (operator !== undefined && cidr === undefined) report(['operator'], 'says how a route stands to "cidr", which is missing');
    if (failed(cidr) || failed(ipVersion) || failed(length)) return;
    const version = cidr === undefined ? ipVersion : familyOf(cidr) === 'IPv4' ? 4 : 6;
    if (cidr !== undefined && ipVersion !== undefined && ipVersion !== version)
      report(['ipVersion'], `${ipVersion} does not go with "cidr", which is ${familyOf(cidr)}`);
    if (length === undefined) return;
    if (cidr === undefined && ipVersion === undefined) report(['prefixLength'], 'is one of a family: set "cidr" or "ipVersion"');
    const { minimum = 0, maximum = 128 } = length;
    const most = version === 4 ? ADDRESS_BITS.IPv4 : ADDRESS_BITS.IPv6;
    const least = cidr === undefined || operator === 'NotIn' || operator === 'NotEqual' ? 0 : cidrRange(cidr).prefixLength;
    if (minimum > maximum) report(['prefixLength'], `minimum ${minimum} is above maximum ${maximum}`);
    if (minimum > most || (length.maximum ?? 0) > most)
      report(['prefixLength'], `expected 0 to ${most} for ${version === 4 ? 'IPv4' : 'IPv6'}`);
    if (maximum < least) report(['prefixLength'], `no route within ${cidr} is shorter than /${least}, and maximum is ${maximum}`);
  },
);

export const bgpFilterSpecSchema: z.ZodType<BgpFilterSpec> = z
  .strictObject({ import: z.array(bgpFilterRuleSchema).prefault([]), export: z.array(bgpFilterRuleSchema).prefault([]) })
  .prefault({});
