/** What an allocator knows of the store, good for one transaction, whose conditions say whether it still held. */
import type { Entry, Store } from '@weir/datastore';
import {
  type BlockSpec,
  type Claim,
  DEFAULT_IPAM_CONFIG,
  type Host,
  IPAM_CONFIG_NAME,
  type IpamConfig,
  type IpamConfigSpec,
  keyOf,
  type Network,
  parseObject,
} from '@weir/resources';
import { type KnownPool, type PoolsHost, readPool } from './allocation/pool-choice.ts';
import { BLOCK_PREFIX, concerns, decodeBlock } from './block.ts';
import { ClusterBlock, ClusterBlocks } from './cluster-blocks.ts';
import { AFFINITY_PREFIX, affinityBlocksKey, affinityKey, decodeAffinity, decodeAffinityBlocks, POOLS_GUARD } from './guard.ts';
import { Holdings, type Versioned } from './holdings.ts';
import { NETWORK_PREFIX } from './network.ts';
import { decodePool, POOL_PREFIX, poolKey } from './pool.ts';
import { type KnownReservation, readReservations } from './reservation.ts';

export interface View {
  readonly host: string;
  /** Of the pools, reservations and config. */
  readonly poolsRevision: number;
  /** By name, in the order of their names. */
  readonly pools: ReadonlyMap<string, KnownPool>;
  /** Names of networks with their own address space. Under the guard of the pools, as these. */
  readonly ownNetworks: ReadonlySet<string>;
  readonly reservations: readonly KnownReservation[];
  readonly config: IpamConfigSpec;
  /** Of the Host object; 0: there is none. */
  readonly hostRevision: number;
  readonly affinityRevision: number;
  /** Whether the store has the names of all blocks in `holdings`. */
  readonly listed: boolean;
  /** Kept up to date with what is committed. */
  readonly holdings: Holdings;
  /** Known only when own blocks do not serve; others write blocks without telling. */
  readonly cluster?: ClusterBlocks;
  /** Whether the blocks that hosts lend were asked for since the last transaction. */
  readonly lendersRead?: boolean;
  /** Those that requests named, by `namespace/name`. */
  readonly claims?: ReadonlyMap<string, Versioned<Claim | undefined>>;
}

export const hostKey = (host: string): string => keyOf({ kind: 'Host', metadata: { name: host } });
const CONFIG_KEY = keyOf({ kind: 'IpamConfig', metadata: { name: IPAM_CONFIG_NAME } });

/** @param claim `namespace/name` */
export function claimKey(claim: string): string {
  const slash = claim.indexOf('/');
  return keyOf({ kind: 'Claim', metadata: { namespace: claim.slice(0, slash), name: claim.slice(slash + 1) } });
}

/** Reads all that the host's allocator needs. Guards are read first: what changes after that, they betray. */
export async function readView(store: Store, host: string): Promise<View> {
  const [guard, affinity] = await Promise.all([store.get(POOLS_GUARD), store.get(affinityKey(host))]);
  const [poolEntries, networkEntries, reservations, config, hostEntry, names] = await Promise.all([
    store.list(POOL_PREFIX),
    store.list(NETWORK_PREFIX),
    readReservations(store),
    store.get(CONFIG_KEY),
    store.get(hostKey(host)),
    affinity && store.get(affinityBlocksKey(host)),
  ]);
  const hostObject = hostEntry && tryParse<Host>(hostEntry.value);
  return {
    host,
    poolsRevision: guard?.revision ?? 0,
    pools: readPools(poolEntries.entries, { labels: hostObject?.metadata.labels ?? {}, flannel: hostObject?.spec.flannel }),
    ownNetworks: readOwnNetworks(networkEntries.entries),
    reservations,
    config: (config && tryParse<IpamConfig>(config.value)?.spec) ?? DEFAULT_IPAM_CONFIG,
    hostRevision: hostEntry?.revision ?? 0,
    affinityRevision: affinity?.revision ?? 0,
    listed: names !== undefined,
    holdings: new Holdings(host, names ? await readBlocks(store, host, decodeAffinityBlocks(names.value)) : await findBlocks(store, host)),
  };
}

/**
 * The view after a refused transaction. `current` holds the keys of its conditions as they are now (an absent key as undefined), so that
 * only what they do not tell is read again. Blocks of others stay as they were listed, but for those.
 */
export async function refreshView(store: Store, view: View, current: ReadonlyMap<string, Entry | undefined>): Promise<View> {
  const { claims: _, lendersRead: __, cluster, ...known } = view;
  cluster?.correct(current);
  const poolsChanged =
    revisionOf(current, POOLS_GUARD, view.poolsRevision) !== view.poolsRevision ||
    revisionOf(current, hostKey(view.host), view.hostRevision) !== view.hostRevision ||
    [...view.pools].some(([name, { revision }]) => revisionOf(current, poolKey(name), revision) !== revision);
  if (poolsChanged) return readView(store, view.host);

  const affinity = current.get(affinityKey(view.host));
  const names = affinity && (await store.get(affinityBlocksKey(view.host)));
  if (names === undefined) return readView(store, view.host);
  const held = decodeAffinityBlocks(names.value);
  const { holdings } = view;
  // With an unchanged guard nothing else changed of what the host holds. A view that is kept up to date costs by what changed.
  const isGuarded = affinity!.revision === view.affinityRevision;
  const changed = held.filter((name) => !isGuarded || current.has(BLOCK_PREFIX + name) || !holdings.blocks.has(name));
  const blocks = await readBlocks(store, view.host, changed, current);
  for (const name of new Set(holdings.blocks.keys()).difference(new Set(held))) holdings.delete(name);
  for (const name of changed) holdings.delete(name);
  for (const [name, block] of blocks) {
    holdings.set(name, block);
    // Its range is taken: it may have come after the cluster's were listed.
    cluster?.set(new ClusterBlock({ key: BLOCK_PREFIX + name, ...block }));
  }
  return { ...known, ...(cluster && { cluster }), affinityRevision: affinity!.revision };
}

/** The view with the ranges of all blocks of the cluster. */
export async function withRanges(store: Store, view: View): Promise<View> {
  const { entries } = await store.list(BLOCK_PREFIX, { keysOnly: true });
  return { ...view, cluster: new ClusterBlocks(entries, { keysOnly: true }) };
}

/** The view with one block of the cluster read. Of a view with `cluster`. */
export async function withBlock(store: Store, view: View, name: string): Promise<View> {
  view.cluster!.learn([[name, await store.get(BLOCK_PREFIX + name)]]);
  return view;
}

/** The view with the blocks read that other hosts say they have room in. Of a view with `cluster`. */
export async function withLenders(store: Store, view: View): Promise<View> {
  const { entries } = await store.list(AFFINITY_PREFIX);
  const named = entries.flatMap(({ key, value }) => (key === affinityKey(view.host) ? [] : Object.values(decodeAffinity(value)).flat()));
  const read = await Promise.all(named.map(async (name) => [name, await store.get(BLOCK_PREFIX + name)] as const));
  view.cluster!.learn(read);
  return { ...view, lendersRead: true };
}

/** The view with every block of the cluster, and with own ones that the affinity did not name (a store restored by hand, for instance). */
export async function withCluster(store: Store, view: View): Promise<View> {
  const { entries } = await store.list(BLOCK_PREFIX);
  const cluster = new ClusterBlocks(entries);
  for (const block of cluster.values()) {
    const { name, revision } = block;
    if (view.holdings.blocks.has(name) || !block.mentions(view.host)) continue;
    const { spec } = block;
    if (spec && concerns(spec, view.host)) view.holdings.set(name, { value: spec, revision });
  }
  return { ...view, cluster };
}

/** The view with what others hold unknown. */
export function withoutCluster({ cluster: _, ...view }: View): View {
  return view;
}

/** The view with the claim, which need not exist. */
export async function withClaim(store: Store, view: View, claim: string): Promise<View> {
  const entry = await store.get(claimKey(claim));
  const value = entry && tryParse<Claim>(entry.value);
  return { ...view, claims: new Map([...(view.claims ?? []), [claim, { value, revision: entry?.revision ?? 0 }]]) };
}

/** With those that cannot be read: nobody is to come into the shared space who may not. */
function readOwnNetworks(entries: Entry[]): Set<string> {
  const own = entries.filter(({ value }) => tryParse<Network>(value)?.spec.addressSpace !== 'Shared');
  return new Set(own.map(({ key }) => key.slice(NETWORK_PREFIX.length)));
}

function readPools(entries: Entry[], host: PoolsHost): Map<string, KnownPool> {
  const pools = new Map<string, KnownPool>();
  for (const { key, value, revision } of entries) {
    // A pool that cannot be read gives no addresses; the admission of other pools complains about it.
    const pool = tryDecode(decodePool, value);
    if (pool) pools.set(key.slice(POOL_PREFIX.length), readPool(pool, revision, host));
  }
  return pools;
}

type NamedBlock = [name: string, block: Versioned<BlockSpec>];

/** @param current what is known of keys already: an absent one as undefined */
async function readBlocks(
  store: Store,
  host: string,
  names: string[],
  current: ReadonlyMap<string, Entry | undefined> = new Map(),
): Promise<NamedBlock[]> {
  const keys = names.map((name) => BLOCK_PREFIX + name);
  const entries = await Promise.all(keys.map((key) => (current.has(key) ? current.get(key) : store.get(key))));
  return names.flatMap((name, index): NamedBlock[] => {
    const block = hostBlock(entries[index], host);
    return block ? [[name, block]] : [];
  });
}

/** Without an affinity the host's blocks are found by reading all: the first time, or when the key got lost. */
async function findBlocks(store: Store, host: string): Promise<NamedBlock[]> {
  const { entries } = await store.list(BLOCK_PREFIX);
  return entries.flatMap((entry): NamedBlock[] => {
    const block = hostBlock(entry, host);
    return block ? [[entry.key.slice(BLOCK_PREFIX.length), block]] : [];
  });
}

/** Undefined also for a block that cannot be read: nothing is given from it, and nothing in it is overwritten. */
function hostBlock(entry: Entry | undefined, host: string): Versioned<BlockSpec> | undefined {
  const spec = entry && tryDecode(decodeBlock, entry.value);
  return spec && concerns(spec, host) ? { value: spec, revision: entry!.revision } : undefined;
}

function revisionOf(current: ReadonlyMap<string, Entry | undefined>, key: string, otherwise: number): number {
  return current.has(key) ? (current.get(key)?.revision ?? 0) : otherwise;
}

const tryParse = <T>(text: string): T | undefined => tryDecode((value) => parseObject(JSON.parse(value)) as T, text);

function tryDecode<T>(decode: (text: string) => T, text: string): T | undefined {
  try {
    return decode(text);
  } catch {
    return undefined;
  }
}
