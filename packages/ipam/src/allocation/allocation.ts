/** How an allocation is worked out: what the owner has already, what it asks for by itself, and the rest from wherever there is room. */
import {
  ADDRESS_BITS,
  type BlockSpec,
  blockName,
  type Claim,
  claimedAddresses,
  claimedSpace,
  type Family,
  familyOf,
} from '@weir/resources';
import { heldIn, type Owner, withAllocation } from '../block.ts';
import { IpamError } from '../ipam-error.ts';
import type { AllocationRequest, Assigned, Place } from './allocation-request.ts';
import type { Draft, Outcome } from './draft.ts';
import { exhausted } from './exhausted.ts';
import { findFree } from './free-address.ts';
import { Missing } from './missing.ts';
import { type KnownPool, poolsOf, whyNotFor } from './pool-choice.ts';
import { findRequested } from './requested-address.ts';

/** Addresses of all families or none. An owner that holds addresses gets those again. */
export function allocate(draft: Draft, request: AllocationRequest): Outcome<Assigned[]> {
  try {
    const assigned = work(draft, request);
    draft.accompany(request.along?.(assigned));
    return { done: assigned };
  } catch (error) {
    if (error instanceof Missing) return { needs: error.need };
    if (error instanceof IpamError) return { refused: error };
    throw error;
  }
}

function work(draft: Draft, request: AllocationRequest): Assigned[] {
  draft.restOnPools();
  const held = heldBy(draft, request);
  refuseOtherSpace(draft, request);
  const claim = claimOf(draft, request);
  const wanted = wantedAddresses(request, claim).filter((address) => !held.some((one) => one.address === address));
  if (held.length > 0 && request.families === undefined && wanted.length === 0) return held;

  const pools = poolsFor(draft, { ...request, pools: claim?.spec.pools ?? request.pools });
  const usable = pools.filter((known) => whyNotFor(known, request, draft.view.host) === undefined);
  const families = familiesFor(request, claim, usable, wanted);
  if (families.length === 0) throw exhausted(draft, request, undefined, pools);

  const places = wanted.map((address) => findRequested(draft, address, { ...request, families, pools: request.pools }));
  const present = [...held.map(({ address }) => address), ...wanted].map(familyOf);
  for (const family of families.filter((one) => !present.includes(one))) {
    const place = findFree(draft, family, usable, request.reserved);
    if (place === undefined) throw exhausted(draft, request, family, pools);
    places.push(place);
  }
  give(draft, request, places);
  const result = [
    ...held.filter(({ family, address }) => families.includes(family) || request.addresses?.includes(address)),
    ...places.map(({ address, block }) => assignedFrom(address, block)),
  ].sort(byFamily);
  if (claim !== undefined) bind(draft, request, claim, result);
  return result;
}

/** Nothing was changed before this. */
function give(draft: Draft, request: AllocationRequest, places: Place[]): void {
  const { containerId, interfaceName, network, namespace, claim } = request;
  const { host } = draft.view;
  const allocation = {
    ...{ containerId, interfaceName, network, host },
    ...(namespace !== undefined && { namespace }),
    ...(claim !== undefined && { claim }),
    since: draft.now,
  };
  for (const { address, block, revision } of places) {
    const name = blockName(block);
    // Another address of the request may have changed the same block.
    draft.change(withAllocation(draft.block(name) ?? block, address, allocation), revision);
    draft.recent.set(name, address);
    draft.usePool(block.pool);
  }
}

/** Written only when the claim comes to hold other addresses than before: which container has them, the blocks say. */
function bind(draft: Draft, { claim: name, space }: AllocationRequest, claim: Claim, assigned: Assigned[]): void {
  const addresses = assigned.map(({ address }) => address);
  const known = claimedAddresses(claim);
  const status = { addresses, ...(space !== undefined && { network: space }) };
  draft.useClaim(name!, addresses.every((address) => known.includes(address)) ? undefined : { ...claim, status });
}

/** Undefined when none is asked for. Throws Missing, and IpamError ENOCLAIM, EREFUSED. */
function claimOf(draft: Draft, { claim, space, containerId, interfaceName }: AllocationRequest): Claim | undefined {
  if (claim === undefined) return undefined;
  const known = draft.claim(claim);
  if (known === undefined) throw new Missing({ claim });
  const who = `${interfaceName} of container ${containerId}`;
  if (known.claim === undefined) throw new IpamError('ENOCLAIM', `${who} asks for the claim ${claim}, which there is not`);
  const holds = claimedAddresses(known.claim).length > 0;
  if (!holds || claimedSpace(known.claim) === space) return known.claim;
  const where =
    claimedSpace(known.claim) === undefined ? 'the shared address space' : `the address space of network "${claimedSpace(known.claim)}"`;
  throw new IpamError('EREFUSED', `${who} asks for the claim ${claim}, which holds addresses of ${where}`);
}

function wantedAddresses({ addresses = [] }: AllocationRequest, claim: Claim | undefined): string[] {
  if (claim === undefined) return addresses;
  const kept = claimedAddresses(claim);
  return [...new Set([...(kept.length > 0 ? kept : (claim.spec.addresses ?? [])), ...addresses])];
}

/** A claim that holds addresses keeps to their families, whatever pools came since. */
function familiesFor(request: AllocationRequest, claim: Claim | undefined, usable: KnownPool[], wanted: string[]): Family[] {
  const kept = claim === undefined ? [] : claimedAddresses(claim).map(familyOf);
  if (kept.length > 0) return [...new Set(kept)];
  const asked = claim?.spec.families ?? request.families;
  return [...new Set(asked ?? [...usable.map(({ pool }) => familyOf(pool.spec.cidr)), ...wanted.map(familyOf)])];
}

/**
 * Whether the network has its own address space was found out before; here it is made certain, since every change of a Network is one of the
 * pools' guard. Throws IpamError ESPACE.
 */
function refuseOtherSpace(draft: Draft, request: AllocationRequest): void {
  const { network, space, containerId, interfaceName } = request;
  const who = `${interfaceName} of container ${containerId}`;
  const isOwn = draft.view.ownNetworks.has(network);
  if (isOwn !== (space !== undefined)) {
    const [has, wants] = isOwn ? ['its own', 'the shared'] : ['the shared', 'its own'];
    throw new IpamError('ESPACE', `${who}: network "${network}" has ${has} address space, and an address of ${wants} is asked for`);
  }
  for (const block of draft.blocksOf(request)) {
    if (block.network === space || heldIn(block, request, draft.view.host).length === 0) continue;
    throw new IpamError('ESPACE', `${who} holds addresses of another address space, from before network "${network}" was changed`);
  }
}

/** Throws IpamError ENOPOOL. */
function poolsFor({ view }: Draft, { pools: names, space }: AllocationRequest): KnownPool[] {
  const known = poolsOf(view.pools, space);
  if (known.size === 0) {
    const wanted = space === undefined ? 'spec.cidr' : `spec.cidr, spec.network: ${space}`;
    throw new IpamError('ENOPOOL', `there is no pool to take an address from: create one (kind Pool, ${wanted})`);
  }
  if (names === undefined) return [...known.values()];
  const unknown = names.find((name) => !known.has(name));
  if (unknown === undefined) return names.map((name) => known.get(name)!);
  throw new IpamError('ENOPOOL', `there is no pool "${unknown}"; the pools are: ${[...known.keys()].join(', ')}`);
}

function heldBy(draft: Draft, owner: Owner): Assigned[] {
  const held: Assigned[] = [];
  for (const block of draft.blocksOf(owner)) {
    for (const address of heldIn(block, owner, draft.view.host)) held.push(assignedFrom(address, block));
  }
  return held.sort(byFamily);
}

const byFamily = (a: Assigned, b: Assigned): number => a.prefixLength - b.prefixLength;

function assignedFrom(address: string, block: BlockSpec): Assigned {
  const family = familyOf(address);
  return { address, family, prefixLength: ADDRESS_BITS[family], pool: block.pool, block: block.cidr };
}
