/** The blocks that a host owns or holds addresses in, found by owner, by pool and by what they have left. In memory. */
import type { BlockSpec } from '@weir/resources';
import { blockSize, type Owner, usedIn } from './block.ts';

/** A value with the revision it was read at. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

/** Each look-up and each change costs by the size of the blocks concerned, not by their number. */
export class Holdings {
  readonly #host: string;
  readonly #blocks = new Map<string, Versioned<BlockSpec>>();
  readonly #byOwner = new Map<string, Set<string>>();
  /** By pool, the host's own blocks that are not full. */
  readonly #roomy = new Map<string, Set<string>>();
  readonly #free = new Map<string, number>();

  constructor(host: string, blocks: Iterable<readonly [name: string, block: Versioned<BlockSpec>]> = []) {
    this.#host = host;
    for (const [name, block] of blocks) this.set(name, block);
  }

  get blocks(): ReadonlyMap<string, Versioned<BlockSpec>> {
    return this.#blocks;
  }

  /** Names of the pools in which own blocks have room. */
  get pools(): Iterable<string> {
    return this.#roomy.keys();
  }

  /** Names of the blocks in which the owner may hold addresses. */
  blocksOf(owner: Owner): Iterable<string> {
    return this.#byOwner.get(ownerKey(owner)) ?? [];
  }

  roomy(pool: string): Iterable<string> {
    return this.#roomy.get(pool) ?? [];
  }

  /** Addresses of own blocks of the pool that nobody has. */
  free(pool: string): number {
    return this.#free.get(pool) ?? 0;
  }

  set(name: string, block: Versioned<BlockSpec>): void {
    this.delete(name);
    this.#blocks.set(name, block);
    const { value } = block;
    for (const owner of this.#ownersIn(value)) add(this.#byOwner, owner, name);
    const free = this.#freeIn(value);
    this.#free.set(value.pool, this.free(value.pool) + free);
    if (free > 0) add(this.#roomy, value.pool, name);
  }

  delete(name: string): void {
    const known = this.#blocks.get(name)?.value;
    if (known === undefined) return;
    this.#blocks.delete(name);
    for (const owner of this.#ownersIn(known)) remove(this.#byOwner, owner, name);
    this.#free.set(known.pool, this.free(known.pool) - this.#freeIn(known));
    remove(this.#roomy, known.pool, name);
  }

  #freeIn(block: BlockSpec): number {
    return block.host === this.#host ? blockSize(block.cidr) - usedIn(block) : 0;
  }

  #ownersIn({ allocations }: BlockSpec): Set<string> {
    const owners = new Set<string>();
    for (const address in allocations) {
      const { host, containerId, interfaceName } = allocations[address]!;
      if (host === this.#host && containerId !== undefined) owners.add(ownerKey({ containerId, interfaceName: interfaceName! }));
    }
    return owners;
  }
}

/** Apart by a NUL, which neither can hold. */
const ownerKey = ({ containerId, interfaceName }: Owner): string => `${containerId}\0${interfaceName}`;

function add(index: Map<string, Set<string>>, key: string, name: string): void {
  const names = index.get(key);
  if (names) names.add(name);
  else index.set(key, new Set([name]));
}

function remove(index: Map<string, Set<string>>, key: string, name: string): void {
  const names = index.get(key);
  if (names?.delete(name) && names.size === 0) index.delete(key);
}
