import { z } from 'zod';
import { familyOf, parseAddress } from '../address/address.ts';
import { parseAsNumber } from '../bgp/as-number.ts';
import { parseHoldTime } from '../bgp/hold-time.ts';
import { type PasswordSource, passwordSourceSchema } from '../bgp/password.ts';
import { NAMES } from '../metadata.ts';
import { parsePortNumber } from '../rule/port.ts';
import { selectorText } from '../selector/field.ts';
import { acrossFields, failed, field, integer, text } from '../validation/field.ts';

/**
 * Whom hosts speak BGP with: a router, by its address and AS, or other hosts, by a selector, as with route reflectors.
 * A session carries routes of the family of its addresses, and one over IPv6 on demand those of IPv4.
 */
export interface BgpPeerSpec {
  /** Name of the one Host that has the session. */
  host?: string;
  /** Labels of the hosts that have it; all hosts when both are absent. */
  hostSelector?: string;
  /** Of the router. */
  address?: string;
  asNumber?: number;
  /** Of the router. Default 179. */
  port: number;
  /** In place of an address: labels of the hosts to speak with. Those have the session too, from their side. */
  peerSelector?: string;
  /** The host's own address of the session; found from its routes when absent. */
  sourceAddress?: string;
  password?: PasswordSource;
  /** As in BgpConfig, which holds when it is absent. */
  holdSeconds?: number;
  /** Between two signs of life, seconds. A third of the hold time when absent. */
  keepaliveSeconds?: number;
  /** Signs of life by the millisecond (RFC 5880), whose absence ends the session long before the hold time does. The peer has to have it, too. */
  bfd?: BfdSpec;
  /** Only packets that came over so many hops at most are of the peer (RFC 5082); 1 is a peer on the same link. */
  ttlSecurity?: number;
  /** A session with a router over IPv6 carries IPv4 routes, too, with IPv6 next hops (RFC 8950). Default false. */
  extendedNextHop: boolean;
  /** Names of BgpFilters, asked in this order. */
  filters: string[];
}

export interface BfdSpec {
  /** Between two packets, in either direction. Default 300. */
  intervalMilliseconds: number;
  /** So many missed ones are the end. Default 3. */
  multiplier: number;
}

const bfdSchema: z.ZodType<BfdSpec> = z.strictObject({
  intervalMilliseconds: integer({ what: 'time between two packets', minimum: 10, maximum: 60_000 }).prefault(300),
  multiplier: integer({ what: 'number of packets', minimum: 2, maximum: 255 }).prefault(3),
});

export const bgpPeerSpecSchema: z.ZodType<BgpPeerSpec> = acrossFields(
  z.strictObject({
    host: text({ ...NAMES.chosen, what: 'host name' }).optional(),
    hostSelector: selectorText({ empty: 'all()' }).optional(),
    address: field(parseAddress).optional(),
    asNumber: field(parseAsNumber).optional(),
    port: field(parsePortNumber).prefault(179),
    peerSelector: selectorText({ empty: 'all()' }).optional(),
    sourceAddress: field(parseAddress).optional(),
    password: passwordSourceSchema.optional(),
    holdSeconds: field(parseHoldTime).optional(),
    keepaliveSeconds: integer({ what: 'time', minimum: 1, maximum: 65_535 }).optional(),
    bfd: bfdSchema.optional(),
    ttlSecurity: integer({ what: 'number of hops', minimum: 1, maximum: 254 }).optional(),
    extendedNextHop: z.boolean().prefault(false),
    filters: z.array(text({ ...NAMES.chosen, what: 'name of a BgpFilter' })).prefault([]),
  }),
  (spec, report) => {
    const { host, hostSelector, address, asNumber, peerSelector, sourceAddress, holdSeconds, keepaliveSeconds } = spec;
    if (host !== undefined && hostSelector !== undefined) report(['hostSelector'], 'goes with no "host": remove one of them');
    if (peerSelector !== undefined) {
      for (const name of ['address', 'asNumber', 'sourceAddress'] as const)
        if (spec[name] !== undefined)
          report([name], 'goes with no "peerSelector": the hosts that it selects have their own; remove one of them');
    } else {
      if (address === undefined) report(['address'], 'is missing: expected the address of a router, or "peerSelector" for hosts');
      if (asNumber === undefined) report(['asNumber'], "is missing: expected the router's AS number, which may be the hosts' own");
    }
    if (typeof address === 'string' && typeof sourceAddress === 'string' && familyOf(address) !== familyOf(sourceAddress))
      report(['sourceAddress'], `"${sourceAddress}" is ${familyOf(sourceAddress)}, and "address" is ${familyOf(address)}`);
    if (spec.extendedNextHop === true && (peerSelector !== undefined || (typeof address === 'string' && familyOf(address) !== 'IPv6')))
      report(['extendedNextHop'], 'is for a router with an IPv6 "address"; hosts have it where they share no IPv4');
    if (failed(holdSeconds) || failed(keepaliveSeconds) || keepaliveSeconds === undefined || !holdSeconds) return;
    if (keepaliveSeconds >= holdSeconds) report(['keepaliveSeconds'], `${keepaliveSeconds} is not below "holdSeconds", ${holdSeconds}`);
  },
);
