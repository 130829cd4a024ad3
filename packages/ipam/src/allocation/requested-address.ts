/** An address that was asked for by itself: whether it may be given, and where it is. */
import {
  ADDRESS_BITS,
  type AddressRange,
  addressFromNumber,
  addressToNumber,
  type BlockSpec,
  blockName,
  cidrContains,
  familyOf,
  type Pool,
} from '@weir/resources';
import { isOwner } from '../block.ts';
import { IpamError } from '../ipam-error.ts';
import { isWithin, reservationOf } from '../reservation.ts';
import type { AllocationRequest, Place } from './allocation-request.ts';
import type { Draft } from './draft.ts';
import { blockOf, hasAllItMay } from './free-address.ts';
import { Missing } from './missing.ts';
import { type KnownPool, keptOf, mayGiveFrom, poolsOf, whyNotFor } from './pool-choice.ts';

/**
 * In whatever block the address is, its own host's or another's, which is borrowed from; else in one that is claimed around it.
 *
 * Every address of a pool can be asked for, also the first and the last of a block: each is routed by itself, so none is the address of a
 * network or a broadcast.
 *
 * Throws Missing, and IpamError EOUTSIDE when no pool has it, ETAKEN when it is another's, EREFUSED when the request may not have it.
 */
export function findRequested(draft: Draft, address: string, request: AllocationRequest): Place {
  const { host, cluster, pools, holdings, config } = draft.view;
  const known = poolOf(address, request, [...poolsOf(pools, request.space).values()], host);
  const { pool } = known;
  const { network } = pool.spec;
  const around = blockAround(address, pool);
  const own = draft.block(blockName({ cidr: around, ...(network !== undefined && { network }) }));
  if (own === undefined && cluster === undefined) throw new Missing('ranges');
  const place = own ? { address, block: own } : placeInCluster(draft, address, around, request);
  const block = place?.block ?? blockOf(pool, around, draft);
  refuseTaken(address, request, host, block);
  if (place === undefined && hasAllItMay(draft, pool.metadata.name)) {
    throw refused(
      address,
      request,
      `whose block nobody has, and maxBlocksPerHost (${config.maxBlocksPerHost}) forbids this host to take another`,
    );
  }
  refuseReserved(draft, address, request, block, keptOf(known));
  const isBorrowed = block.host !== host;
  if (isBorrowed && config.strictAffinity && !isKept(address, request, block)) {
    throw refused(address, request, `of a block of host ${block.host}, which strictAffinity forbids to borrow from`);
  }
  return { address, block, revision: place && !holdings.blocks.has(blockName(block)) ? place.revision : undefined };
}

/** Undefined when no block is there. Throws EREFUSED when the one that is does not hold the address, or cannot be read. */
function placeInCluster(draft: Draft, address: string, around: string, request: AllocationRequest): Place | undefined {
  for (const { name, cidr, network, isRead, spec, revision } of draft.cluster()) {
    if (network !== request.space) continue;
    if (!cidrContains(around, cidr) && !cidrContains(cidr, around)) continue;
    if (!isRead) throw new Missing({ block: name });
    if (spec === undefined) throw refused(address, request, `of the block ${cidr}, which cannot be read`);
    if (!cidrContains(cidr, address)) throw refused(address, request, `whose block would overlap ${cidr}`);
    return { address, block: spec, revision };
  }
  return undefined;
}

function poolOf(address: string, request: AllocationRequest, pools: readonly KnownPool[], host: string): KnownPool {
  const known = pools.find(({ pool }) => cidrContains(pool.spec.cidr, address));
  if (known === undefined) {
    const all = pools.map(({ pool }) => `"${pool.metadata.name}" (${pool.spec.cidr})`).join(', ');
    throw new IpamError('EOUTSIDE', `${wanted(address, request)}, which is in no pool; the pools are: ${all}`);
  }
  const { name } = known.pool.metadata;
  const family = familyOf(address);
  if (request.families !== undefined && !request.families.includes(family)) {
    throw refused(address, request, `an ${family} address: the network gives ${request.families.join(' and ')} alone`);
  }
  if (request.pools !== undefined && !request.pools.includes(name)) {
    throw refused(address, request, `of pool "${name}": the network takes addresses of ${request.pools.join(', ')} alone`);
  }
  const unfit = whyNotFor(known, request, host);
  if (unfit !== undefined) throw refused(address, request, `of pool "${name}", which is ${unfit}`);
  if (!mayGiveFrom(known, address))
    throw refused(address, request, `of pool "${name}", of which flannel has given host ${host} ${known.within!.join(' and ')} alone`);
  return known;
}

/** Whether the request's claim keeps the address, and no container has it. */
const isKept = (address: string, { claim }: AllocationRequest, { allocations }: BlockSpec): boolean =>
  claim !== undefined && allocations[address]?.claim === claim && allocations[address].containerId === undefined;

/** Throws ETAKEN, saying by whom. */
function refuseTaken(address: string, request: AllocationRequest, host: string, block: BlockSpec): void {
  const holder = block.allocations[address];
  if (holder === undefined || isOwner(holder, request, host) || isKept(address, request, block)) return;
  const who = [
    ...(holder.claim === undefined ? [] : [`the claim ${holder.claim}`]),
    ...(holder.containerId === undefined ? [] : [`${holder.interfaceName} of container ${holder.containerId} on host ${holder.host}`]),
  ];
  const { containerId, interfaceName } = holder;
  throw new IpamError('ETAKEN', `${wanted(address, request)}, which ${who.join(' with ')} has`, {
    ...(containerId !== undefined && { holder: { containerId, interfaceName: interfaceName! } }),
  });
}

function refuseReserved({ view }: Draft, address: string, request: AllocationRequest, block: BlockSpec, kept: AddressRange[]): void {
  if (isWithin(address, [...(request.reserved ?? []), ...kept]))
    throw refused(address, request, 'which is the gateway, the net or the broadcast of its link');
  const reservation = reservationOf(address, view.reservations);
  if (reservation === undefined || reservation.requests === 'Allow' || isKept(address, request, block)) return;
  throw refused(address, request, `which reservation "${reservation.name}" keeps from containers`);
}

/** The block of the pool's cutting that the address is in, as a CIDR. */
function blockAround(address: string, { spec }: Pool): string {
  const family = familyOf(address);
  const hostBits = BigInt(ADDRESS_BITS[family] - spec.blockSize);
  return `${addressFromNumber((addressToNumber(address) >> hostBits) << hostBits, family)}/${spec.blockSize}`;
}

const wanted = (address: string, { containerId, interfaceName }: AllocationRequest): string =>
  `${interfaceName} of container ${containerId} asks for ${address}`;

const refused = (address: string, request: AllocationRequest, reason: string): IpamError =>
  new IpamError('EREFUSED', `${wanted(address, request)}, ${reason}`);
