/**
 * Which pools there are.
 *
 * Every change of a pool goes through here, since it rests on the set of all pools and on the blocks that were cut from the pool: a plain put
 * could let two pools overlap, or have two block sizes cut through each other.
 */
import type { Entry, Operation, Store, Transaction } from '@weir/datastore';
import {
  type BlockSpec,
  cidrsOverlap,
  IPAM_CONFIG_NAME,
  type IpamConfig,
  keyOf,
  type Pool,
  type Reservation,
  serialize,
} from '@weir/resources';
import { BLOCK_PREFIX, blockPlace, decodeBlock, usedIn } from './block.ts';
import { POOLS_GUARD } from './guard.ts';
import { IpamError } from './ipam-error.ts';
import { refuseOtherThanOwn } from './network.ts';
import { decodePool, POOL_PREFIX, poolKey, refuseOverlap } from './pool.ts';
import { refuseRemote } from './remote-cluster.ts';
import { type RemoveOptions, requireRevision } from './require-revision.ts';

/** Other changes of pools are rare and short, so a few tries do. */
const MAX_TRIES = 10;
/** etcd refuses transactions of more than 128 conditions or operations (--max-txn-ops). */
const BLOCKS_PER_TRANSACTION = 100;

interface StoredPool {
  pool: Pool;
  revision: number;
}

interface StoredBlock {
  key: string;
  cidr: string;
  spec: BlockSpec;
  revision: number;
}

/** The pools, and the guard's revision from before they were read. */
interface PoolSet {
  guardRevision: number;
  pools: Map<string, StoredPool>;
}

export interface AdmitOptions {
  /** The revision that the stored pool must have; 0: there may be none yet. Default: whatever is there is replaced. */
  revision?: number;
}

/**
 * Creates or replaces a pool and gives its revision.
 *
 * Throws IpamError EOVERLAP, naming both pools and CIDRs; EINVAL when `network` names none with its own address space; EINUSE when `cidr`,
 * `blockSize` or `network` would change while blocks are cut from the pool;
 * ECONFLICT when the stored pool has another revision than asked for.
 */
export async function admitPool(store: Store, pool: Pool, { revision }: AdmitOptions = {}): Promise<number> {
  const name = pool.metadata.name;
  return retry(store, name, async ({ guardRevision, pools }) => {
    const stored = pools.get(name);
    if (revision !== undefined && revision !== (stored?.revision ?? 0)) {
      throw new IpamError('ECONFLICT', `pool "${name}" is at revision ${stored?.revision ?? 0}, not ${revision}: read it again`);
    }
    await refuseOtherThanOwn(store, pool);
    await refuseRemote(store, pool);
    refuseOverlap(
      pool,
      [...pools.values()].map((other) => other.pool),
    );
    if (stored === undefined || !cutsOtherwise(stored.pool, pool)) return write(store, pool, stored, guardRevision);

    await refuseWithBlocks(store, stored.pool, pool);
    const frozen = await freeze(store, stored, guardRevision);
    if (frozen === undefined) return undefined;
    try {
      await refuseWithBlocks(store, stored.pool, pool);
    } catch (error) {
      await write(store, stored.pool, frozen, frozen.guardRevision);
      throw error;
    }
    return write(store, pool, frozen, frozen.guardRevision);
  });
}

/**
 * Removes a pool and its blocks. Throws IpamError EINUSE, with the number of addresses, while any is in use, and ENOPOOL when there is no such
 * pool, ECONFLICT when it has another revision than asked for. A removal that was cut short leaves the pool disabled, and can be asked for
 * again.
 */
export async function removePool(store: Store, name: string, { revision }: RemoveOptions = {}): Promise<void> {
  let wanted = revision;
  await retry(store, name, async ({ guardRevision, pools }) => {
    const stored = pools.get(name);
    if (stored === undefined) throw new IpamError('ENOPOOL', `there is no pool "${name}"`);
    requireRevision(`pool "${name}"`, stored, { revision: wanted });
    refuseInUse(stored.pool, await blocksOf(store, stored.pool));
    const frozen = await freeze(store, stored, guardRevision);
    if (frozen === undefined) return undefined;
    // Our own change of it, should another try be needed.
    if (wanted !== undefined) wanted = frozen.revision;
    const blocks = await blocksOf(store, stored.pool);
    try {
      refuseInUse(stored.pool, blocks);
    } catch (error) {
      await write(store, stored.pool, frozen, frozen.guardRevision);
      throw error;
    }
    for (let start = 0; start < blocks.length; start += BLOCKS_PER_TRANSACTION) {
      const some = blocks.slice(start, start + BLOCKS_PER_TRANSACTION);
      const { committed } = await store.transact({
        when: some.map(({ key, revision }) => ({ key, revision })),
        then: some.map(({ key }) => ({ delete: key })),
      });
      if (!committed) return undefined;
    }
    return commit(store, {
      when: [
        { key: POOLS_GUARD, revision: frozen.guardRevision },
        { key: poolKey(name), revision: frozen.revision },
      ],
      then: [{ delete: poolKey(name) }, { put: POOLS_GUARD, value: name }],
    });
  });
}

/** What allocations rest on beside pools. */
type Rule = Reservation | IpamConfig;

/** Creates or replaces it, and gives its revision: no allocation that is made after this rests on what was before. Throws IpamError ECONFLICT. */
export async function admitRule(store: Store, rule: Rule, { revision }: AdmitOptions = {}): Promise<number> {
  if (rule.kind === 'IpamConfig' && rule.metadata.name !== IPAM_CONFIG_NAME) {
    throw new IpamError('EINVAL', `IpamConfig "${rule.metadata.name}": there is one for the whole cluster, named "${IPAM_CONFIG_NAME}"`);
  }
  return writeRule(store, rule, revision, { put: keyOf(rule), value: serialize(rule) });
}

/** Whether there was such an object. Throws IpamError ECONFLICT when it has another revision than asked for. */
export async function removeRule(store: Store, rule: Pick<Rule, 'kind' | 'metadata'>, { revision }: RemoveOptions = {}): Promise<boolean> {
  if ((await store.get(keyOf(rule))) === undefined) return false;
  await writeRule(store, rule, revision, { delete: keyOf(rule) });
  return true;
}

async function writeRule(
  store: Store,
  { kind, metadata }: Pick<Rule, 'kind' | 'metadata'>,
  revision: number | undefined,
  operation: Operation,
): Promise<number> {
  const key = keyOf({ kind, metadata });
  const when = revision === undefined ? [] : [{ key, revision }];
  const result = await store.transact({ when, then: [operation, { put: POOLS_GUARD, value: metadata.name }] });
  if (result.committed) return result.revision;
  throw new IpamError('ECONFLICT', `${kind} "${metadata.name}" is not at revision ${revision}: read it again`);
}

/**
 * Stops allocations from the pool, so that its blocks can be looked at and stay as they are: every allocation and claim is conditional on the
 * pool's revision, and none is made from a disabled one. Undefined when someone else changed the pools meanwhile.
 */
async function freeze(
  store: Store,
  stored: StoredPool,
  guardRevision: number,
): Promise<(StoredPool & { guardRevision: number }) | undefined> {
  const pool: Pool = { ...stored.pool, spec: { ...stored.pool.spec, disabled: true } };
  const revision = await write(store, pool, stored, guardRevision);
  return revision === undefined ? undefined : { pool, revision, guardRevision: revision };
}

/**
 * Each change of a pool also writes the guard, on the condition that the guard is as it was before the pools were read. Two admissions
 * at once would otherwise each check the set without the other's pool, write different keys, and both succeed, overlapping.
 */
function write(store: Store, pool: Pool, stored: { revision: number } | undefined, guardRevision: number): Promise<number | undefined> {
  const key = poolKey(pool.metadata.name);
  return commit(store, {
    when: [
      { key: POOLS_GUARD, revision: guardRevision },
      { key, revision: stored?.revision ?? 0 },
    ],
    then: [
      { put: key, value: serialize(pool) },
      { put: POOLS_GUARD, value: pool.metadata.name },
    ],
  });
}

async function commit(store: Store, transaction: Transaction): Promise<number | undefined> {
  const result = await store.transact(transaction);
  return result.committed ? result.revision : undefined;
}

async function retry(store: Store, name: string, attempt: (set: PoolSet) => Promise<number | undefined>): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const revision = await attempt(await readPoolSet(store));
    if (revision !== undefined) return revision;
  }
  throw new IpamError('ECONFLICT', `pool "${name}": others kept changing pools or blocks, ${MAX_TRIES} times in a row: try again`);
}

async function readPoolSet(store: Store): Promise<PoolSet> {
  const guard = await store.get(POOLS_GUARD);
  const { entries } = await store.list(POOL_PREFIX);
  return {
    guardRevision: guard?.revision ?? 0,
    pools: new Map(entries.map((entry) => [entry.key.slice(POOL_PREFIX.length), readPool(entry)])),
  };
}

function readPool({ key, value, revision }: Entry): StoredPool {
  try {
    return { pool: decodePool(value), revision };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IpamError('EINVAL', `the stored pool ${key} cannot be read, so overlaps with it cannot be ruled out: ${reason}`, {
      cause: error,
    });
  }
}

/** What the blocks of a pool are cut by. */
const CUTTING = ['cidr', 'blockSize', 'network', 'routes'] as const;

/** Of the ways to route only flannel's has a say in where blocks are. */
const cutsAnew = (before: Pool, after: Pool): (typeof CUTTING)[number][] =>
  CUTTING.filter((field) => before.spec[field] !== after.spec[field]).filter(
    (field) => field !== 'routes' || [before, after].some(({ spec }) => spec.routes === 'Flannel'),
  );

const cutsOtherwise = (before: Pool, after: Pool): boolean => cutsAnew(before, after).length > 0;

async function refuseWithBlocks(store: Store, before: Pool, after: Pool): Promise<void> {
  const blocks = await blocksOf(store, before);
  if (blocks.length === 0) return;
  const change = cutsAnew(before, after)
    .map((field) => `spec.${field} from ${before.spec[field] ?? 'none'} to ${after.spec[field] ?? 'none'}`)
    .join(' and ');
  throw new IpamError(
    'EINUSE',
    `pool "${before.metadata.name}": cannot change ${change} while hosts own blocks of it (${blocks.length}, the first is ${blocks[0]!.cidr}): disable it and create another pool`,
  );
}

function refuseInUse(pool: Pool, blocks: StoredBlock[]): void {
  const used = blocks.reduce((sum, { spec }) => sum + usedIn(spec), 0);
  if (used === 0) return;
  const holders = blocks.flatMap(({ spec }) => Object.values(spec.allocations));
  const containers = holders.filter(({ containerId }) => containerId !== undefined);
  const claims = [...new Set(holders.flatMap(({ claim }) => claim ?? []))].sort();
  const hosts = [...new Set(containers.map(({ host }) => host))].sort();
  const users = [
    ...(containers.length > 0 ? [`by ${counted(containers.length, 'container')} on ${hosts.join(', ')}`] : []),
    ...(claims.length > 0 ? [`by ${counted(claims.length, 'claim')}: ${claims.join(', ')}`] : []),
  ];
  throw new IpamError(
    'EINUSE',
    `pool "${pool.metadata.name}" (${pool.spec.cidr}): ${used} of its addresses ${used === 1 ? 'is' : 'are'} in use, ${users.join(' and ')}: disable the pool, stop those containers${claims.length > 0 ? ', delete those claims' : ''}, then remove it`,
  );
}

/** By range, so that a block whose pool was once named otherwise counts too. */
async function blocksOf(store: Store, { spec }: Pool): Promise<StoredBlock[]> {
  const { entries } = await store.list(BLOCK_PREFIX);
  return entries
    .map(({ key, value, revision }) => ({ key, value, revision, ...blockPlace(key.slice(BLOCK_PREFIX.length)) }))
    .filter(({ cidr, network }) => network === spec.network && cidrsOverlap(cidr, spec.cidr))
    .map(({ key, value, revision, cidr }) => ({ key, cidr, revision, spec: decodeBlock(value) }));
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
