/** What is known of one address. Pure. */
import { type Allocation, cidrContains } from '@weir/resources';
import { type Inventory, poolAround } from './inventory.ts';
import { reservationOf } from './reservation.ts';

export interface AddressState {
  address: string;
  /**
   * - `held`: a container has it
   * - `kept`: a claim has it, and no container
   * - `resting`: it was given back a short time ago, and is given again when there is no other
   * - `reserved`: it is not given unasked
   * - `free`
   * - `outside`: it is of no pool
   */
  state: 'held' | 'kept' | 'resting' | 'reserved' | 'free' | 'outside';
  pool?: string;
  /** CIDR, and the host that owns the block. */
  block?: string;
  owner?: string;
  /** Who has it: the container, with its host, and the claim. */
  holder?: Allocation;
  /** `namespace/name` of the Endpoint that has it. */
  endpoint?: string;
  /** Name of the Reservation. */
  reservation?: string;
  /** Until when it rests, ms since the epoch. */
  restsUntil?: number;
}

/** @param now ms since the epoch */
export function addressState({ pools, blocks, reservations, endpoints, config }: Inventory, address: string, now: number): AddressState {
  const pool = poolAround(pools, address);
  const block = blocks.find(({ cidr }) => cidrContains(cidr, address))?.spec;
  const holder = block?.allocations[address];
  const endpoint = endpoints.find(({ spec }) => spec.addresses.includes(address));
  const reservation = reservationOf(address, reservations);
  const since = block?.released[address];
  const restsUntil = since === undefined ? undefined : since + 1000 * config.cooldownSeconds;
  const isResting = restsUntil !== undefined && restsUntil > now;
  return {
    address,
    state: stateOf({ isOutside: pool === undefined, holder, isReserved: reservation !== undefined, isResting }),
    ...(pool && { pool: pool.metadata.name }),
    ...(block && { block: block.cidr, owner: block.host }),
    ...(holder && { holder }),
    ...(endpoint && { endpoint: `${endpoint.metadata.namespace}/${endpoint.metadata.name}` }),
    ...(reservation && { reservation: reservation.name }),
    ...(isResting && { restsUntil }),
  };
}

interface Circumstances {
  isOutside: boolean;
  holder: Allocation | undefined;
  isReserved: boolean;
  isResting: boolean;
}

function stateOf({ isOutside, holder, isReserved, isResting }: Circumstances): AddressState['state'] {
  if (holder !== undefined) return holder.containerId === undefined ? 'kept' : 'held';
  if (isOutside) return 'outside';
  if (isReserved) return 'reserved';
  return isResting ? 'resting' : 'free';
}
