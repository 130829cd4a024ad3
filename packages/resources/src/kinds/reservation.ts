import { z } from 'zod';
import { type AddressRange, parseAddressRange, rangeText } from '../address/address-range.ts';
import { field, oneOf, someOf } from '../validation/field.ts';

/** Addresses of pools that are kept from containers: those of machines that are in the way, say, or such as are to be asked for only. */
export interface ReservationSpec {
  /** Single addresses, CIDRs, and ranges `10.64.0.10-10.64.0.20`, both ends included. Canonical text. */
  addresses: string[];
  /** What happens to who asks for one of them by itself. Default `Refuse`; none is ever given unasked. */
  requests: 'Refuse' | 'Allow';
}

export const reservationSpecSchema: z.ZodType<ReservationSpec> = z.strictObject({
  addresses: someOf(
    field((value): string => rangeText(parseAddressRange(value))),
    'nothing is reserved by it',
  ),
  requests: oneOf('Refuse', 'Allow').prefault('Refuse'),
});

/** What the reservation's addresses span. */
export const reservedRanges = ({ addresses }: ReservationSpec): AddressRange[] => addresses.map(parseAddressRange);
