/** An address that was asked for by itself: whether it may be given, and where it is. Pure. */
import { ADDRESS_BITS, addressFromNumber, addressToNumber, type BlockSpec, cidrContains, familyOf, type Pool } from '@weir/resources';
import { isOwner } from './block.ts';
import type { AllocationRequest } from './draft.ts';
import { IpamError } from './ipam-error.ts';
import type { ClusterBlock } from './view.ts';

/**
 * The pool that the address is of. Every address of a pool can be asked for, also the first and the last of a block: each is routed by itself,
 * so none is the address of a network or a broadcast.
 *
 * Throws IpamError EOUTSIDE when no pool has it, and EREFUSED when the request may not have it.
 */
export function poolOf(address: string, request: AllocationRequest, pools: readonly Pool[]): Pool {
  const pool = pools.find(({ spec }) => cidrContains(spec.cidr, address));
  if (pool === undefined) {
    const known = pools.map(({ metadata, spec }) => `"${metadata.name}" (${spec.cidr})`).join(', ');
    throw new IpamError('EOUTSIDE', `${wanted(address, request)}, which is in no pool; the pools are: ${known}`);
  }
  const { name } = pool.metadata;
  const family = familyOf(address);
  if (request.families !== undefined && !request.families.includes(family)) {
    throw refused(address, request, `an ${family} address: the network gives ${request.families.join(' and ')} alone`);
  }
  if (request.pools !== undefined && !request.pools.includes(name)) {
    throw refused(address, request, `of pool "${name}": the network takes addresses of ${request.pools.join(', ')} alone`);
  }
  if (pool.spec.disabled) throw refused(address, request, `of pool "${name}", which is disabled`);
  return pool;
}

/** Throws IpamError ETAKEN, saying by whom, when the address is another's. */
export function refuseTaken(address: string, request: AllocationRequest, host: string, { allocations }: BlockSpec): void {
  const holder = allocations[address];
  if (holder === undefined || isOwner(holder, request, host)) return;
  throw new IpamError(
    'ETAKEN',
    `${wanted(address, request)}, which ${holder.interfaceName} of container ${holder.containerId} on host ${holder.host} has`,
  );
}

/** Throws IpamError EREFUSED when the block that is there does not hold the address, or cannot be read. */
export function refuseCut(address: string, request: AllocationRequest, { cidr, spec }: ClusterBlock): void {
  if (spec === undefined) throw refused(address, request, `of the block ${cidr}, which cannot be read`);
  if (!cidrContains(cidr, address)) throw refused(address, request, `whose block would overlap ${cidr}`);
}

/** The block of the pool's cutting that the address is in, as a CIDR. */
export function blockAround(address: string, { spec }: Pool): string {
  const family = familyOf(address);
  const hostBits = BigInt(ADDRESS_BITS[family] - spec.blockSize);
  return `${addressFromNumber((addressToNumber(address) >> hostBits) << hostBits, family)}/${spec.blockSize}`;
}

const wanted = (address: string, { containerId, interfaceName }: AllocationRequest): string =>
  `${interfaceName} of container ${containerId} asks for ${address}`;

const refused = (address: string, request: AllocationRequest, reason: string): IpamError =>
  new IpamError('EREFUSED', `${wanted(address, request)}, ${reason}`);
