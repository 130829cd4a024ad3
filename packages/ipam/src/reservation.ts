/** Addresses that are not given unasked. */
import type { Store } from '@weir/datastore';
import { type AddressRange, addressToNumber, familyOf, keyPrefix, parseObject, type Reservation, reservedRanges } from '@weir/resources';
import { IpamError } from './ipam-error.ts';

const RESERVATION_PREFIX = keyPrefix('Reservation');

export interface KnownReservation {
  readonly name: string;
  readonly requests: 'Refuse' | 'Allow';
  readonly ranges: readonly AddressRange[];
}

/** Throws IpamError EINVAL for one that cannot be read: what it reserves must not be given meanwhile. */
export async function readReservations(store: Store): Promise<KnownReservation[]> {
  const { entries } = await store.list(RESERVATION_PREFIX);
  return entries.map(({ key, value }) => {
    try {
      const { metadata, spec } = parseObject(JSON.parse(value)) as Reservation;
      return { name: metadata.name, requests: spec.requests, ranges: reservedRanges(spec) };
    } catch (error) {
      throw new IpamError(
        'EINVAL',
        `the stored reservation ${key} cannot be read: ${(error as Error).message}. Apply it again, or delete it`,
        {
          cause: error,
        },
      );
    }
  });
}

/** The first reservation that has the address. */
export function reservationOf(address: string, reservations: readonly KnownReservation[]): KnownReservation | undefined {
  return reservations.find(({ ranges }) => isWithin(address, ranges));
}

export function isWithin(address: string, ranges: readonly AddressRange[]): boolean {
  const [number, family] = [addressToNumber(address), familyOf(address)];
  return ranges.some((range) => range.family === family && range.first <= number && number <= range.last);
}
