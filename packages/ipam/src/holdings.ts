/** The blocks that a host owns or holds addresses in, found by owner, by pool and by what they have left. In memory. */
import type { Allocation, BlockSpec } from '@weir/resources';
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
    const before = this.#blocks.get(name)?.value;
    const { value } = block;
    this.#blocks.set(name, block);
    this.#changeOwners(name, before, value);
    if (before !== undefined) this.#countFree(name, before, -1);
    this.#countFree(name, value, 1);
  }

  delete(name: string): void {
    const known = this.#blocks.get(name)?.value;
    if (known === undefined) return;
    this.#blocks.delete(name);
    this.#changeOwners(name, known, undefined);
    this.#countFree(name, known, -1);
  }

  #countFree(name: string, block: BlockSpec, sign: 1 | -1): void {
    const free = block.host === this.#host ? blockSize(block.cidr) - usedIn(block) : 0;
    this.#free.set(block.pool, this.free(block.pool) + sign * free);
    if (sign < 0) remove(this.#roomy, block.pool, name);
    else if (free > 0) add(this.#roomy, block.pool, name);
  }

  /** An allocation that is the same value is not looked at: of a block's many, one changes. */
  #changeOwners(name: string, before: BlockSpec | undefined, after: BlockSpec | undefined): void {
    const [old, now] = [before?.allocations ?? {}, after?.allocations ?? {}];
    const gone = new Set<string>();
    for (const address in old) if (now[address] !== old[address]) this.#ownerIn(old[address]!, (owner) => gone.add(owner));
    // An owner may have other addresses of the block.
    if (gone.size > 0) for (const address in now) this.#ownerIn(now[address]!, (owner) => gone.delete(owner));
    for (const owner of gone) remove(this.#byOwner, owner, name);
    for (const address in now) if (now[address] !== old[address]) this.#ownerIn(now[address]!, (owner) => add(this.#byOwner, owner, name));
  }

  #ownerIn({ host, containerId, interfaceName }: Allocation, use: (owner: string) => void): void {
    if (host === this.#host && containerId !== undefined) use(ownerKey({ containerId, interfaceName: interfaceName! }));
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
