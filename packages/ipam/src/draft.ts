/** Allocations and releases worked out on a view, to become one transaction. Pure: nothing is true before the store took it. */
import type { Condition, Operation, Transaction } from '@weir/datastore';
import { ADDRESS_BITS, type BlockSpec, blockName, cidrContains, cidrsOverlap, type Family, familyOf, type Pool } from '@weir/resources';
import { BLOCK_PREFIX, blockSize, encodeBlock, heldIn, nextFree, type Owner, usedIn, withAllocation, withoutAddresses } from './block.ts';
import { affinityKey, encodeAffinity, POOLS_GUARD } from './guard.ts';
import { IpamError, type PassedOver } from './ipam-error.ts';
import { lowestFreeBlock, poolKey, poolSize } from './pool.ts';
import { blockAround, poolOf, refuseCut, refuseTaken } from './requested-address.ts';
import type { ClusterBlock, Versioned, View } from './view.ts';

export interface AllocationRequest extends Owner {
  /** Name of the CNI network, kept with the address. */
  network: string;
  /** Path of the container's network namespace, kept with the address: the sign that its owner may live. */
  namespace?: string;
  /** One address of each; default: the families that enabled pools (of `pools`) have. */
  families?: Family[];
  /** Names of the pools to take from, first choice first; default: all, by name. */
  pools?: string[];
  /** Addresses that the owner must have, canonical text: each of them is given, or nothing is. What they leave open of `families` is added. */
  addresses?: string[];
}

export interface Assigned {
  address: string;
  family: Family;
  prefixLength: 32 | 128;
  pool: string;
  /** CIDR of the block that the address was taken from. */
  block: string;
}

/** `needs: 'cluster'`: no own block serves; ask again with a view that has `cluster`. */
export type Outcome<T> = { done: T } | { refused: IpamError } | { needs: 'cluster' };

/** etcd refuses transactions of more than 128 conditions or operations (--max-txn-ops). */
const MAX_BLOCKS_CHANGED = 50;

interface Place {
  address: string;
  block: BlockSpec;
}

export class Draft {
  readonly #view: View;
  readonly #recent: Map<string, string>;
  readonly #blocks: Map<string, BlockSpec>;
  readonly #changed = new Set<string>();
  /** Revisions of blocks that were found in the cluster and are not in the view. */
  readonly #borrowed = new Map<string, number>();
  readonly #poolsUsed = new Set<string>();
  #poolsMatter = false;

  /** @param recent the address given last from each block, by block name; kept up to date. */
  constructor(view: View, recent: Map<string, string>) {
    this.#view = view;
    this.#recent = recent;
    this.#blocks = new Map([...view.blocks].map(([name, { value }]) => [name, value]));
  }

  /** No more work fits in the transaction. */
  get full(): boolean {
    return this.#changed.size >= MAX_BLOCKS_CHANGED;
  }

  /** Addresses of all families or none. An owner that holds addresses gets those again. */
  allocate(request: AllocationRequest): Outcome<Assigned[]> {
    this.#poolsMatter = true;
    const held = this.#heldBy(request);
    const wanted = (request.addresses ?? []).filter((address) => !held.some((assigned) => assigned.address === address));
    if (held.length > 0 && request.families === undefined && wanted.length === 0) return { done: held };

    const pools = this.#poolsFor(request);
    if (pools instanceof IpamError) return { refused: pools };
    const enabled = pools.filter(({ spec }) => !spec.disabled);
    const families = [...new Set(request.families ?? enabled.map(({ spec }) => familyOf(spec.cidr)))];
    if (families.length === 0) return { refused: this.#exhausted(request, undefined, pools) };

    const places: Place[] = [];
    try {
      for (const address of wanted) {
        const place = this.#findRequested(address, request);
        if (place === 'cluster unknown') return { needs: 'cluster' };
        places.push(place);
      }
    } catch (error) {
      if (error instanceof IpamError) return { refused: error };
      throw error;
    }
    const present = [...held.map(({ address }) => address), ...wanted].map(familyOf);
    const missing = families.filter((family) => !present.includes(family));
    for (const family of missing) {
      const place = this.#findOwn(family, pools) ?? this.#findClaim(family, pools);
      if (place === 'cluster unknown') return { needs: 'cluster' };
      if (place === undefined) return { refused: this.#exhausted(request, family, pools) };
      places.push(place);
    }
    const allocation = {
      containerId: request.containerId,
      interfaceName: request.interfaceName,
      network: request.network,
      host: this.#view.host,
      ...(request.namespace !== undefined && { namespace: request.namespace }),
    };
    for (const { address, block } of places) {
      // Another address of the request may have changed the same block.
      this.#change(withAllocation(this.#blocks.get(blockName(block.cidr)) ?? block, address, allocation));
      this.#recent.set(blockName(block.cidr), address);
      this.#poolsUsed.add(block.pool);
    }
    const assigned = [
      ...held.filter(({ family, address }) => families.includes(family) || request.addresses?.includes(address)),
      ...places.map(({ address, block }) => assignedFrom(address, block)),
    ];
    return { done: assigned.sort(byFamily) };
  }

  /** Gives back all that the owner holds and says what it was. */
  release(owner: Owner): Outcome<string[]> {
    const released: string[] = [];
    for (const block of [...this.#blocks.values()]) {
      const addresses = heldIn(block, owner, this.#view.host);
      if (addresses.length === 0) continue;
      this.#change(withoutAddresses(block, addresses));
      released.push(...addresses);
    }
    return { done: released };
  }

  /**
   * Even when nothing is to be written the transaction is worth sending: its conditions say whether what was found still held.
   * Allocations also rest on the pools, each as it was read, so that none is given from a pool that was removed or disabled meanwhile.
   */
  transaction(): Transaction {
    const { host, poolsRevision, affinityRevision, pools, blocks } = this.#view;
    const when: Condition[] = [{ key: affinityKey(host), revision: affinityRevision }];
    const then: Operation[] = [];
    if (this.#poolsMatter) when.push({ key: POOLS_GUARD, revision: poolsRevision });
    for (const name of this.#poolsUsed) when.push({ key: poolKey(name), revision: pools.get(name)!.revision });
    for (const name of this.#changed) {
      when.push({ key: BLOCK_PREFIX + name, revision: blocks.get(name)?.revision ?? this.#borrowed.get(name) ?? 0 });
      then.push({ put: BLOCK_PREFIX + name, value: encodeBlock(this.#blocks.get(name)!) });
    }
    if (then.length > 0) then.push({ put: affinityKey(host), value: encodeAffinity(this.#blocks.keys()) });
    return { when, then };
  }

  /** The view once the transaction was committed at `revision`. */
  committed(revision: number): View {
    const { cluster: _, ...view } = this.#view;
    if (this.#changed.size === 0) return view;
    const blocks = new Map<string, Versioned<BlockSpec>>(view.blocks);
    for (const name of this.#changed) blocks.set(name, { value: this.#blocks.get(name)!, revision });
    return { ...view, affinityRevision: revision, blocks };
  }

  #change(block: BlockSpec): void {
    const name = blockName(block.cidr);
    this.#blocks.set(name, block);
    this.#changed.add(name);
  }

  #heldBy(owner: Owner): Assigned[] {
    const held = [...this.#blocks.values()].flatMap((block) =>
      heldIn(block, owner, this.#view.host).map((address) => assignedFrom(address, block)),
    );
    return held.sort(byFamily);
  }

  #poolsFor({ pools: names }: AllocationRequest): Pool[] | IpamError {
    const known = this.#view.pools;
    if (known.size === 0) return new IpamError('ENOPOOL', 'there is no pool to take an address from: create one (kind Pool, spec.cidr)');
    if (names === undefined) return [...known.values()].map(({ value }) => value);
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) {
      return new IpamError('ENOPOOL', `there is no pool "${unknown}"; the pools are: ${[...known.keys()].join(', ')}`);
    }
    return names.map((name) => known.get(name)!.value);
  }

  #findOwn(family: Family, pools: Pool[]): Place | undefined {
    for (const pool of usable(pools, family)) {
      for (const [name, block] of this.#blocks) {
        if (block.pool !== pool.metadata.name || block.host !== this.#view.host) continue;
        const address = nextFree(block, this.#recent.get(name));
        if (address !== undefined) return { address, block };
      }
    }
    return undefined;
  }

  #findClaim(family: Family, pools: Pool[]): Place | 'cluster unknown' | undefined {
    for (const pool of usable(pools, family)) {
      if (this.#view.cluster === undefined) return 'cluster unknown';
      const cidr = lowestFreeBlock(pool, this.#taken());
      if (cidr === undefined) continue;
      const block: BlockSpec = { cidr, pool: pool.metadata.name, host: this.#view.host, allocations: {} };
      return { address: nextFree(block)!, block };
    }
    return undefined;
  }

  /** In whatever block the address is, its own host's or another's, which is borrowed from; else in one that is claimed around it. */
  #findRequested(address: string, request: AllocationRequest): Place | 'cluster unknown' {
    const { host, cluster, pools } = this.#view;
    const pool = poolOf(
      address,
      request,
      [...pools.values()].map(({ value }) => value),
    );
    let block = [...this.#blocks.values()].find(({ cidr }) => cidrContains(cidr, address));
    if (block === undefined) {
      if (cluster === undefined) return 'cluster unknown';
      const cidr = blockAround(address, pool);
      const found = cluster.find((other) => cidrsOverlap(other.cidr, cidr));
      if (found !== undefined) refuseCut(address, request, found);
      block = found?.spec ?? { cidr, pool: pool.metadata.name, host, allocations: {} };
      if (found !== undefined) this.#borrowed.set(blockName(block.cidr), found.revision);
    }
    refuseTaken(address, request, host, block);
    return { address, block };
  }

  /** CIDRs of all blocks of the cluster, those claimed in this draft included. */
  #taken(): Set<string> {
    return new Set([...(this.#view.cluster ?? []).map(({ cidr }) => cidr), ...[...this.#blocks.values()].map(({ cidr }) => cidr)]);
  }

  #exhausted({ containerId, interfaceName }: AllocationRequest, family: Family | undefined, pools: Pool[]): IpamError {
    const passedOver = pools.map((pool): PassedOver => ({ pool: pool.metadata.name, reason: this.#whyNot(pool, family) }));
    const tried = passedOver.map(({ pool, reason }, index) => `pool "${pool}" (${pools[index]!.spec.cidr}) is ${reason}`);
    return new IpamError(
      'EEXHAUSTED',
      `no ${family ?? 'IP'} address for ${interfaceName} of container ${containerId}: ${tried.join('; ')}. Add a pool, or free addresses`,
      { passedOver },
    );
  }

  #whyNot(pool: Pool, family: Family | undefined): string {
    if (pool.spec.disabled) return 'disabled';
    if (family !== undefined && familyOf(pool.spec.cidr) !== family) return `of the other family, ${familyOf(pool.spec.cidr)}`;
    const blocks = this.#blocksOf(pool);
    const used = blocks.reduce((sum, { spec }) => sum + (spec ? usedIn(spec) : 0), 0);
    const size = poolSize(pool);
    if (used >= size) return `full: ${used} of ${size} used`;
    const others = new Set(
      blocks.flatMap(({ cidr, spec }) => (spec && spec.host !== this.#view.host && usedIn(spec) < blockSize(cidr) ? [spec.host] : [])),
    );
    return `full for this host: all its blocks are claimed, ${used} of ${size} addresses used, the free ones are in blocks of ${[...others].sort().join(', ') || 'other pools'}`;
  }

  /** The pool's blocks as this draft sees them. */
  #blocksOf({ metadata }: Pool): ClusterBlock[] {
    const blocks = new Map((this.#view.cluster ?? []).map((block) => [block.cidr, block]));
    for (const spec of this.#blocks.values()) blocks.set(spec.cidr, { cidr: spec.cidr, revision: 0, spec });
    return [...blocks.values()].filter(({ spec }) => spec?.pool === metadata.name);
  }
}

const usable = (pools: Pool[], family: Family): Pool[] => pools.filter(({ spec }) => !spec.disabled && familyOf(spec.cidr) === family);

const byFamily = (a: Assigned, b: Assigned): number => a.prefixLength - b.prefixLength;

function assignedFrom(address: string, block: BlockSpec): Assigned {
  const family = familyOf(address);
  return { address, family, prefixLength: ADDRESS_BITS[family], pool: block.pool, block: block.cidr };
}
