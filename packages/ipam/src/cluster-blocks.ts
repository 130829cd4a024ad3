/**
 * The blocks of the cluster as they once were: good for finding a free range or a lender, and checked by the transaction that uses what was
 * found. Of all of them the ranges are known; what stands in them only as far as it was needed, since in a large cluster that is megabytes.
 */
import type { Entry } from '@weir/datastore';
import { type AddressRange, type BlockSpec, cidrRange } from '@weir/resources';
import { BLOCK_PREFIX, blockPlace, blockSize, decodeBlock, usedIn } from './block.ts';

/** What is stored is parsed when it is asked for. */
export class ClusterBlock {
  readonly name: string;
  readonly cidr: string;
  /** As its pool's: the network whose own address space it is of. */
  readonly network: string | undefined;
  readonly range: AddressRange;
  readonly revision: number;
  /** False when its range alone is known. */
  readonly isRead: boolean;
  #text: string | undefined;
  #spec: BlockSpec | undefined;
  #hasRoom: boolean | undefined;

  /** @param value absent: not read */
  constructor({ key, value, revision }: Pick<Entry, 'key' | 'revision'> & { value?: string | BlockSpec }) {
    this.name = key.slice(BLOCK_PREFIX.length);
    const { cidr, network } = blockPlace(this.name);
    this.cidr = cidr;
    this.network = network;
    this.range = cidrRange(this.cidr);
    this.revision = revision;
    this.isRead = value !== undefined;
    if (typeof value === 'string') this.#text = value;
    else this.#spec = value;
  }

  /** Undefined when the stored block is not valid, or was not read: its range is taken all the same. */
  get spec(): BlockSpec | undefined {
    if (this.#text !== undefined) {
      try {
        this.#spec = decodeBlock(this.#text);
      } catch {
        // As the docstring says.
      }
      this.#text = undefined;
    }
    return this.#spec;
  }

  /** False when no free address is known of it; worked out once, and without parsing the block: in a full pool all are asked. */
  get hasRoom(): boolean {
    if (!this.isRead) return false;
    this.#hasRoom ??= (this.#text === undefined ? usedIn(this.#spec ?? NOTHING) : countGiven(this.#text)) < blockSize(this.cidr);
    return this.#hasRoom;
  }

  /** False when nothing of the block can be the host's. */
  mentions(host: string): boolean {
    return this.#text === undefined || this.#text.includes(JSON.stringify(host));
  }
}

const NOTHING: Pick<BlockSpec, 'allocations'> = { allocations: {} };

/** Each allocation has one, and no string in a JSON text holds a quotation mark that is not escaped. */
const MARK = '"sequence":';

/** Of a text that encodeBlock wrote. 0 for another, which then is read as an object to be found out. */
function countGiven(text: string): number {
  let count = 0;
  const start = text.indexOf('"allocations":{');
  for (let at = text.indexOf(MARK, start); start >= 0 && at >= 0; at = text.indexOf(MARK, at + MARK.length)) count++;
  return count;
}

/** By name. */
export class ClusterBlocks {
  readonly #blocks = new Map<string, ClusterBlock>();
  readonly #takenUp = new Set<string>();
  /** Those that were read and not found to be full: in a full pool few are left to ask. */
  readonly #perhapsRoomy = new Map<string, ClusterBlock>();
  /** Whether all that are known were read. */
  readonly isWhole: boolean;

  /** @param options.keysOnly of a list without values */
  constructor(entries: Iterable<Entry>, { keysOnly = false } = {}) {
    this.isWhole = !keysOnly;
    for (const { key, revision, value } of entries) this.set(new ClusterBlock({ key, revision, ...(!keysOnly && { value }) }));
  }

  get(name: string): ClusterBlock | undefined {
    return this.#blocks.get(name);
  }

  /** Those with a free address, as far as they were read. */
  *withRoom(): Generator<ClusterBlock> {
    for (const [name, block] of this.#perhapsRoomy) {
      if (block.hasRoom) yield block;
      else this.#perhapsRoomy.delete(name);
    }
  }

  values(): Iterable<ClusterBlock> {
    return this.#blocks.values();
  }

  set(block: ClusterBlock): void {
    this.#blocks.set(block.name, block);
    if (block.isRead) this.#perhapsRoomy.set(block.name, block);
    else this.#perhapsRoomy.delete(block.name);
  }

  delete(name: string): void {
    this.#blocks.delete(name);
    this.#perhapsRoomy.delete(name);
    this.#takenUp.clear();
  }

  /** Brings those up to date that a refused transaction told of. What is undefined is not there. */
  correct(current: ReadonlyMap<string, Entry | undefined>): void {
    this.#takenUp.clear();
    for (const [key, entry] of current) {
      if (!key.startsWith(BLOCK_PREFIX)) continue;
      this.#learn(key.slice(BLOCK_PREFIX.length), entry);
    }
  }

  /** Takes note of blocks that were read by name; one that is undefined is not there. */
  learn(read: Iterable<readonly [name: string, entry: Entry | undefined]>): void {
    for (const [name, entry] of read) this.#learn(name, entry);
  }

  #learn(name: string, entry: Entry | undefined): void {
    if (entry === undefined) this.delete(name);
    else this.set(new ClusterBlock(entry));
  }

  /** Whether it was found that no block of the pool is left, and none went since. */
  isTakenUp(pool: string): boolean {
    return this.#takenUp.has(pool);
  }

  noteTakenUp(pool: string): void {
    this.#takenUp.add(pool);
  }
}
