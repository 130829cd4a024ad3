/**
 * What an address of Weir is on a link that it shares with others: interface plugins such as `bridge`, `macvlan` and `ptp` want a prefix
 * length and a gateway, as `host-local` gives them. To Weir itself every address is routed alone.
 */
import { type AddressRange, cidrContains, cidrRange, familyOf, parseAddress, parseAddressRange, parseCidr } from '@weir/resources';
import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import type { Address } from '../protocol/result.ts';

export interface Subnet {
  /** CIDR, canonical. */
  subnet: string;
  gateway?: string | undefined;
}

const parsed = <T>(parse: (value: unknown) => T) =>
  z.unknown().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });

/** The key `subnets` of an `ipam` section. */
export const subnetsSchema = z.array(
  z
    .strictObject({ subnet: parsed(parseCidr), gateway: parsed(parseAddress).optional() })
    .refine(({ subnet, gateway }) => gateway === undefined || cidrContains(subnet, gateway), {
      error: 'the gateway is not in the subnet',
      path: ['gateway'],
    }),
);

/** The key `routes` of an `ipam` section, as host-local has it. */
export const routesSchema = z.array(z.object({ dst: parsed(parseCidr), gw: parsed(parseAddress).optional() }));

/** Addresses that no container can have on such a link: the gateway's, the subnet's own (in IPv6 its routers', RFC 4291 §2.6.1), and the broadcast's. */
export function takenOnLink(subnets: readonly Subnet[]): AddressRange[] {
  return subnets.flatMap(({ subnet, gateway }) => {
    const { family, first, last } = cidrRange(subnet);
    const ends = family === 'IPv4' ? [first, last] : [first];
    const isLink = last - first > 1n;
    return [
      ...(gateway === undefined ? [] : [parseAddressRange(gateway)]),
      ...(isLink ? ends.map((end): AddressRange => ({ family, first: end, last: end })) : []),
    ];
  });
}

/**
 * The address with the prefix length and gateway of its subnet; alone, when the network has no subnets.
 * @throws CniError 102 when it is in none of them
 */
export function onLink(address: string, subnets: readonly Subnet[]): Address {
  if (subnets.length === 0) return { address: `${address}/${familyOf(address) === 'IPv4' ? 32 : 128}` };
  const found = subnets.find(({ subnet }) => cidrContains(subnet, address));
  if (found === undefined) {
    const known = subnets.map(({ subnet }) => subnet).join(', ');
    throw new CniError(CNI_CODE.addressRefused, `weir-ipam: ${address} is in none of the network's subnets (${known})`, {
      details: 'name pools in ipam.pools whose addresses are in ipam.subnets',
    });
  }
  const { subnet, gateway } = found;
  return { address: `${address}/${subnet.split('/')[1]}`, ...(gateway === undefined ? {} : { gateway }) };
}
