/** What an allocator knows of the store: a value, good for one transaction, whose conditions say whether it still held. */
import type { Entry, Store } from '@weir/datastore';
import type { BlockSpec, Pool } from '@weir/resources';
import { BLOCK_PREFIX, blockCidr, concerns, decodeBlock } from './block.ts';
import { affinityKey, decodeAffinity, POOLS_GUARD } from './guard.ts';
import { decodePool, POOL_PREFIX, poolKey } from './pool.ts';

/** A value with the revision it was read at. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

export interface View {
  readonly host: string;
  readonly poolsRevision: number;
  /** By name, in the order of their names. */
  readonly pools: ReadonlyMap<string, Versioned<Pool>>;
  readonly affinityRevision: number;
  /** By name: the host's own, and those of other hosts in which it holds addresses. */
  readonly blocks: ReadonlyMap<string, Versioned<BlockSpec>>;
  /** Every block of the cluster. Read only for a claim, and not kept: others claim without telling. */
  readonly cluster?: readonly ClusterBlock[];
}

/** `spec` is missing when the stored block cannot be read: its range is taken all the same. */
export interface ClusterBlock {
  readonly cidr: string;
  readonly revision: number;
  readonly spec?: BlockSpec;
}

/** Reads all that the host's allocator needs. Guards are read first: what changes after that, they betray. */
export async function readView(store: Store, host: string): Promise<View> {
  const [guard, affinity] = await Promise.all([store.get(POOLS_GUARD), store.get(affinityKey(host))]);
  const [pools, blocks] = await Promise.all([
    readPools(store),
    affinity ? readBlocks(store, host, decodeAffinity(affinity.value)) : findBlocks(store, host),
  ]);
  return { host, poolsRevision: guard?.revision ?? 0, pools, affinityRevision: affinity?.revision ?? 0, blocks };
}

/**
 * The view after a refused transaction. `current` holds the keys of its conditions as they are now (an absent key as undefined), so that
 * only what they do not tell is read again.
 */
export async function refreshView(store: Store, view: View, current: ReadonlyMap<string, Entry | undefined>): Promise<View> {
  const { cluster: _, ...known } = view;
  const poolsChanged =
    revisionOf(current, POOLS_GUARD, view.poolsRevision) !== view.poolsRevision ||
    [...view.pools].some(([name, { revision }]) => revisionOf(current, poolKey(name), revision) !== revision);
  if (poolsChanged) return readView(store, view.host);

  const affinity = current.get(affinityKey(view.host));
  if (affinity === undefined) return readView(store, view.host);
  const blocks = await readBlocks(store, view.host, decodeAffinity(affinity.value), (name) => {
    const key = BLOCK_PREFIX + name;
    if (current.has(key)) return { entry: current.get(key) };
    // Unchanged guard, unchanged block.
    return affinity.revision === view.affinityRevision ? view.blocks.get(name) : undefined;
  });
  return { ...known, affinityRevision: affinity.revision, blocks };
}

/** The view with every block of the cluster, and with own ones that the affinity did not name (a store restored by hand, for instance). */
export async function withCluster(store: Store, view: View): Promise<View> {
  const { entries } = await store.list(BLOCK_PREFIX);
  const cluster = entries.map(({ key, value, revision }): ClusterBlock => {
    const spec = tryDecode(decodeBlock, value);
    return { cidr: blockCidr(key.slice(BLOCK_PREFIX.length)), revision, ...(spec && { spec }) };
  });
  return { ...view, cluster, blocks: new Map([...hostBlocks(entries, view.host), ...view.blocks]) };
}

async function readPools(store: Store): Promise<Map<string, Versioned<Pool>>> {
  const { entries } = await store.list(POOL_PREFIX);
  const pools = new Map<string, Versioned<Pool>>();
  for (const { key, value, revision } of entries) {
    // A pool that cannot be read gives no addresses; the admission of other pools complains about it.
    const pool = tryDecode(decodePool, value);
    if (pool) pools.set(key.slice(POOL_PREFIX.length), { value: pool, revision });
  }
  return pools;
}

type KnownBlock = Versioned<BlockSpec> | { entry: Entry | undefined } | undefined;

async function readBlocks(store: Store, host: string, names: string[], known: (name: string) => KnownBlock = () => undefined) {
  const blocks = new Map<string, Versioned<BlockSpec>>();
  const read = await Promise.all(names.map(async (name) => known(name) ?? { entry: await store.get(BLOCK_PREFIX + name) }));
  for (const [index, name] of names.entries()) {
    const found = read[index]!;
    const block = 'entry' in found ? hostBlock(found.entry, host) : found;
    if (block) blocks.set(name, block);
  }
  return blocks;
}

/** Without an affinity the host's blocks are found by reading all: the first time, or when the key got lost. */
async function findBlocks(store: Store, host: string) {
  return hostBlocks((await store.list(BLOCK_PREFIX)).entries, host);
}

function hostBlocks(entries: Entry[], host: string): Map<string, Versioned<BlockSpec>> {
  const blocks = new Map<string, Versioned<BlockSpec>>();
  for (const entry of entries) {
    const block = hostBlock(entry, host);
    if (block) blocks.set(entry.key.slice(BLOCK_PREFIX.length), block);
  }
  return blocks;
}

/** Undefined also for a block that cannot be read: nothing is given from it, and nothing in it is overwritten. */
function hostBlock(entry: Entry | undefined, host: string): Versioned<BlockSpec> | undefined {
  const spec = entry && tryDecode(decodeBlock, entry.value);
  return spec && concerns(spec, host) ? { value: spec, revision: entry!.revision } : undefined;
}

function revisionOf(current: ReadonlyMap<string, Entry | undefined>, key: string, otherwise: number): number {
  return current.has(key) ? (current.get(key)?.revision ?? 0) : otherwise;
}

function tryDecode<T>(decode: (text: string) => T, text: string): T | undefined {
  try {
    return decode(text);
  } catch {
    return undefined;
  }
}
