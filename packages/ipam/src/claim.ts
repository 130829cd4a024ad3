/** Claims as people write and delete them. */
import type { Entry, Store } from '@weir/datastore';
import { type BlockSpec, blockName, type Claim, cidrContains, claimedAddresses, parseObject, serialize } from '@weir/resources';
import { BLOCK_PREFIX, blockPlace, decodeBlock, encodeBlock } from './block.ts';
import { IpamError } from './ipam-error.ts';
import { type RemoveOptions, requireRevision } from './require-revision.ts';
import { claimKey } from './view.ts';

/** Others change blocks all the time, but seldom these in this moment. */
const MAX_TRIES = 20;

/**
 * Creates or replaces a claim, at `revision` (0: there may be none yet), and gives its new revision. What it holds, it goes on holding.
 * Throws IpamError EINUSE when its spec would change while it holds addresses, ECONFLICT when it has another revision.
 */
export async function admitClaim(store: Store, claim: Claim, { revision }: { revision: number }): Promise<number> {
  const name = `${claim.metadata.namespace}/${claim.metadata.name}`;
  const entry = await store.get(claimKey(name));
  const stored = entry && looseObject(entry);
  const held = stored ? claimedAddresses(stored) : [];
  // Of one that cannot be read nobody knows what its spec would be: to write over it is how it is repaired.
  const known = held.length > 0 ? readable(entry!) : undefined;
  if (known !== undefined && serialize({ ...known, metadata: claim.metadata }) !== serialize({ ...claim, status: known.status })) {
    throw new IpamError(
      'EINUSE',
      `claim ${name}: it holds ${held.join(', ')}, and its spec cannot change while it does: delete it, and make it anew`,
    );
  }
  const written = stored ? { ...claim, status: stored.status } : claim;
  const result = await store.transact({
    when: [{ key: claimKey(name), revision }],
    then: [{ put: claimKey(name), value: serialize(written) }],
  });
  if (result.committed) return result.revision;
  throw new IpamError('ECONFLICT', `claim ${name} is not at revision ${revision}: read it again`);
}

/**
 * Deletes a claim and frees what it keeps; whether there was one. An address that a container has stays with it until it ends.
 * Throws IpamError ECONFLICT when others kept changing its blocks.
 *
 * @param name `namespace/name`
 */
export async function removeClaim(
  store: Store,
  name: string,
  { now = Date.now(), ...options }: RemoveOptions & { now?: number } = {},
): Promise<boolean> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const entry = await store.get(claimKey(name));
    if (entry === undefined) return false;
    requireRevision(`claim ${name}`, entry, options);
    const { entries } = await store.list(BLOCK_PREFIX);
    const addresses = claimedAddresses(looseObject(entry));
    const blocks = entries.filter(({ key }) =>
      addresses.some((address) => cidrContains(blockPlace(key.slice(BLOCK_PREFIX.length)).cidr, address)),
    );
    const { committed } = await store.transact({
      when: [entry, ...blocks].map(({ key, revision }) => ({ key, revision })),
      then: [
        { delete: entry.key },
        ...blocks.map(({ key, value }) => ({ put: key, value: encodeBlock(withoutClaim(decodeBlock(value), name, now)) })),
      ],
    });
    if (committed) return true;
  }
  throw new IpamError('ECONFLICT', `claim ${name}: others kept changing its blocks, ${MAX_TRIES} times in a row: try again`);
}

/**
 * Frees what a block keeps for a claim that is not there.
 * Throws IpamError ESTALE when the claim is there, or others changed the block meanwhile.
 *
 * @param at `block` as a CIDR, `claim` as `namespace/name`
 */
export async function freeKept(store: Store, { block, claim }: { block: string; claim: string }, now = Date.now()): Promise<void> {
  const entry = await store.get(BLOCK_PREFIX + blockName({ cidr: block }));
  if (entry !== undefined) {
    const { committed } = await store.transact({
      when: [
        { key: claimKey(claim), revision: 0 },
        { key: entry.key, revision: entry.revision },
      ],
      then: [{ put: entry.key, value: encodeBlock(withoutClaim(decodeBlock(entry.value), claim, now)) }],
    });
    if (committed) return;
  }
  throw new IpamError('ESTALE', `block ${block} was changed meanwhile, or there is a claim ${claim} again: look again`);
}

/** Of whatever version wrote it: what it holds is what counts. */
function looseObject({ value }: Entry): { status?: unknown } {
  try {
    return (JSON.parse(value) as { status?: unknown } | null) ?? {};
  } catch {
    return {};
  }
}

function readable({ value }: Entry): Claim | undefined {
  try {
    return parseObject(JSON.parse(value)) as Claim;
  } catch {
    return undefined; // no JSON, or no claim
  }
}

function withoutClaim(block: BlockSpec, name: string, now: number): BlockSpec {
  const allocations = { ...block.allocations };
  const released = { ...block.released };
  for (const [address, { claim, ...allocation }] of Object.entries(block.allocations)) {
    if (claim !== name) continue;
    if (allocation.containerId !== undefined) allocations[address] = allocation;
    else {
      delete allocations[address];
      released[address] = now;
    }
  }
  return { ...block, allocations, released };
}
