/** Changes worked out on a view, to become one transaction. Nothing is true before the store took it. */
import type { Condition, Operation, Transaction } from '@weir/datastore';
import { type BlockSpec, blockName, type Claim, serialize } from '@weir/resources';
import { BLOCK_PREFIX, blockSize, concerns, encodeBlock, type Owner, type ReleaseTimes, usedIn } from '../block.ts';
import { ClusterBlock } from '../cluster-blocks.ts';
import {
  affinityBlocksKey,
  affinityKey,
  encodeAffinity,
  encodeAffinityBlocks,
  LENDABLE_PER_POOL,
  type Lendable,
  POOLS_GUARD,
} from '../guard.ts';
import type { IpamError } from '../ipam-error.ts';
import { poolKey } from '../pool.ts';
import { claimKey, hostKey, type View } from '../view.ts';
import type { Companion } from './allocation-request.ts';
import { restsOnHost } from './pool-choice.ts';

/**
 * What the view lacks, each dearer than the one before: a claim; what the block of a name holds; since no own block serves, which ranges are taken
 * in the cluster; who has room to lend; everything that is in the blocks.
 */
export type Need = { claim: string } | { block: string } | 'ranges' | 'lenders' | 'cluster';

/** `needs`: ask again with a view that has it. */
export type Outcome<T> = { done: T } | { refused: IpamError } | { needs: Need };

/** etcd refuses transactions of more than 128 conditions or operations (--max-txn-ops). */
export const MAX_BLOCKS_CHANGED = 50;

export class Draft {
  readonly view: View;
  /** The address given last from each block, by block name. */
  readonly recent: Map<string, string>;
  readonly now: number;
  /** How often the work was refused before, because others were faster. */
  readonly refusals: number;
  /** Undefined: deleted. */
  readonly #changed = new Map<string, BlockSpec | undefined>();
  /** Of changed blocks that are not among the holdings. */
  readonly #adopted = new Map<string, number>();
  readonly #poolsUsed = new Set<string>();
  readonly #claims = new Map<string, Claim | undefined>();
  readonly #absent = new Set<string>();
  /** Writes that are not of this package. */
  readonly companions: Companion[] = [];
  #poolsMatter = false;

  /** @param now ms since the epoch */
  constructor(view: View, recent: Map<string, string>, { now, refusals = 0 }: { now: number; refusals?: number }) {
    this.view = view;
    this.recent = recent;
    this.now = now;
    this.refusals = refusals;
  }

  /** No more work fits in the transaction. */
  get full(): boolean {
    return this.#changed.size + this.#claims.size + this.companions.length >= MAX_BLOCKS_CHANGED;
  }

  get times(): ReleaseTimes {
    const { cooldownSeconds, emptyBlockSeconds } = this.view.config;
    return { now: this.now, forget: this.now - 1000 * Math.max(cooldownSeconds, emptyBlockSeconds) };
  }

  accompany(companion: Companion | undefined): void {
    if (companion !== undefined) this.companions.push(companion);
  }

  /** What is decided rests on pools, reservations and config as they were read. */
  restOnPools(): void {
    this.#poolsMatter = true;
  }

  /** An address is given from the pool: it must be there, as it was read. */
  usePool(name: string): void {
    this.#poolsUsed.add(name);
  }

  /** As it was read, or written before in this draft; undefined when the view does not have it. */
  claim(name: string): { claim: Claim | undefined } | undefined {
    const known = this.view.claims?.get(name);
    return known && { claim: this.#claims.get(name) ?? known.value };
  }

  /** What is decided rests on the claim as it was read; or it is written. */
  useClaim(name: string, written?: Claim): void {
    this.#claims.set(name, written ?? this.#claims.get(name));
  }

  /** What is decided rests on there being no such key. */
  requireAbsent(key: string): void {
    this.#absent.add(key);
  }

  /** A block of the holdings, or one that was changed before. */
  block(name: string): BlockSpec | undefined {
    return this.#changed.has(name) ? this.#changed.get(name) : this.view.holdings.blocks.get(name)?.value;
  }

  /** Holdings, as changed. */
  *blocks(): Generator<BlockSpec> {
    for (const [name, { value }] of this.view.holdings.blocks) if (!this.#changed.has(name)) yield value;
    for (const block of this.#changed.values()) if (block) yield block;
  }

  /** Those in which the owner may hold addresses. */
  *blocksOf(owner: Owner): Generator<BlockSpec> {
    for (const name of this.view.holdings.blocksOf(owner)) if (!this.#changed.has(name)) yield this.view.holdings.blocks.get(name)!.value;
    for (const block of this.#changed.values()) if (block) yield block;
  }

  /** The host's own blocks of the pool that are not full. */
  *roomy(pool: string): Generator<BlockSpec> {
    const { host, holdings } = this.view;
    for (const name of holdings.roomy(pool)) if (!this.#changed.has(name)) yield holdings.blocks.get(name)!.value;
    for (const block of this.#changed.values()) {
      if (block?.pool === pool && block.host === host && usedIn(block) < blockSize(block.cidr)) yield block;
    }
  }

  /** Every block of the cluster as it is known, those made in this draft included. */
  *cluster(): Generator<ClusterBlock> {
    for (const block of this.view.cluster?.values() ?? []) if (!this.#changed.has(block.name)) yield block;
    yield* this.#changedInCluster();
  }

  /** Of these the ones that are known to have room. */
  *clusterWithRoom(): Generator<ClusterBlock> {
    for (const block of this.view.cluster?.withRoom() ?? []) if (!this.#changed.has(block.name)) yield block;
    for (const block of this.#changedInCluster()) if (block.hasRoom) yield block;
  }

  *#changedInCluster(): Generator<ClusterBlock> {
    for (const [name, value] of this.#changed) {
      if (value) yield new ClusterBlock({ key: BLOCK_PREFIX + name, revision: this.#revisionOf(name), value });
    }
  }

  /** @param revision of a block that was found in the cluster; a new one has none */
  change(block: BlockSpec, revision?: number): void {
    const name = blockName(block);
    if (revision !== undefined && !this.view.holdings.blocks.has(name)) this.#adopted.set(name, revision);
    this.#changed.set(name, block);
  }

  remove(block: BlockSpec): void {
    this.#changed.set(blockName(block), undefined);
  }

  /**
   * Even when nothing is to be written the transaction is worth sending: its conditions say whether what was found still held.
   * Allocations also rest on the pools, each as it was read, so that none is given from a pool that was removed or disabled meanwhile.
   */
  transaction(): Transaction {
    const { host, poolsRevision, hostRevision, affinityRevision, pools, claims } = this.view;
    const when: Condition[] = [{ key: affinityKey(host), revision: affinityRevision }];
    const then: Operation[] = [];
    if (this.#poolsMatter) {
      when.push({ key: POOLS_GUARD, revision: poolsRevision });
      if ([...pools.values()].some(restsOnHost)) when.push({ key: hostKey(host), revision: hostRevision });
    }
    for (const key of this.#absent) when.push({ key, revision: 0 });
    for (const name of this.#poolsUsed) when.push({ key: poolKey(name), revision: pools.get(name)!.revision });
    for (const [claim, written] of this.#claims) {
      when.push({ key: claimKey(claim), revision: claims!.get(claim)!.revision });
      if (written) then.push({ put: claimKey(claim), value: serialize(written) });
    }
    for (const [name, block] of this.#changed) {
      when.push({ key: BLOCK_PREFIX + name, revision: this.#revisionOf(name) });
      then.push(block ? { put: BLOCK_PREFIX + name, value: encodeBlock(block) } : { delete: BLOCK_PREFIX + name });
    }
    if (this.#changed.size > 0) {
      then.push({ put: affinityKey(host), value: encodeAffinity(this.#lendableAfter()) });
      if (this.#writesList) then.push({ put: affinityBlocksKey(host), value: encodeAffinityBlocks(this.#namesAfter()) });
    }
    for (const { write } of this.companions) then.push(write);
    return { when, then };
  }

  /** The blocks that the transaction writes; those that it deletes are not among them. */
  get written(): BlockSpec[] {
    return [...this.#changed.values()].filter((block) => block !== undefined);
  }

  /** The view once the transaction was committed at `revision`. The holdings of the old one are the new one's. */
  committed(revision: number): View {
    const { claims: _, lendersRead: __, ...view } = this.view;
    if (this.#changed.size === 0) return view;
    const listed = view.listed || this.#writesList;
    for (const [name, block] of this.#changed) {
      if (block && concerns(block, view.host)) view.holdings.set(name, { value: block, revision });
      else view.holdings.delete(name);
      if (block) view.cluster?.set(new ClusterBlock({ key: BLOCK_PREFIX + name, revision, value: block }));
      else view.cluster?.delete(name);
    }
    return { ...view, affinityRevision: revision, listed };
  }

  #revisionOf(name: string): number {
    return this.view.holdings.blocks.get(name)?.revision ?? this.#adopted.get(name) ?? 0;
  }

  get #writesList(): boolean {
    const { holdings, host, listed } = this.view;
    const changes = [...this.#changed].some(
      ([name, block]) => holdings.blocks.has(name) !== (block !== undefined && concerns(block, host)),
    );
    return changes || !listed;
  }

  #lendableAfter(): Lendable {
    const lendable: Record<string, string[]> = {};
    for (const pool of new Set([...this.view.holdings.pools, ...this.written.map(({ pool }) => pool)])) {
      // The last ones: out of the first the host gives its own addresses, and two that write one block at one time get in each other's way.
      const names = [...this.roomy(pool)].slice(-LENDABLE_PER_POOL).map(blockName);
      if (names.length > 0) lendable[pool] = names;
    }
    return lendable;
  }

  #namesAfter(): string[] {
    const kept = [...this.view.holdings.blocks.keys()].filter((name) => !this.#changed.has(name));
    const changed = [...this.#changed].filter(([, block]) => block !== undefined && concerns(block, this.view.host));
    return [...kept, ...changed.map(([name]) => name)];
  }
}
