/** Every block of the cluster as it was once listed: good for finding a free one, and checked by the transaction that takes it. */
import type { Entry } from '@weir/datastore';
import { type AddressRange, type BlockSpec, cidrRange } from '@weir/resources';
import { BLOCK_PREFIX, blockPlace, blockSize, decodeBlock, usedIn } from './block.ts';

/** What is stored is read when it is asked for: a claim needs the ranges alone. */
export class ClusterBlock {
  readonly name: string;
  readonly cidr: string;
  /** As its pool's: the network whose own address space it is of. */
  readonly network: string | undefined;
  readonly range: AddressRange;
  readonly revision: number;
  #text: string | undefined;
  #spec: BlockSpec | undefined;
  #hasRoom: boolean | undefined;

  constructor({ key, value, revision }: Pick<Entry, 'key' | 'revision'> & { value: string | BlockSpec }) {
    this.name = key.slice(BLOCK_PREFIX.length);
    const { cidr, network } = blockPlace(this.name);
    this.cidr = cidr;
    this.network = network;
    this.range = cidrRange(this.cidr);
    this.revision = revision;
    if (typeof value === 'string') this.#text = value;
    else this.#spec = value;
  }

  /** Undefined when the stored block cannot be read: its range is taken all the same. */
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

  /** False when it has no free address; worked out once, and without reading the block as an object: in a full pool all are asked. */
  get hasRoom(): boolean {
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

  constructor(entries: Iterable<Entry>) {
    for (const entry of entries) this.set(new ClusterBlock(entry));
  }

  values(): Iterable<ClusterBlock> {
    return this.#blocks.values();
  }

  set(block: ClusterBlock): void {
    this.#blocks.set(block.name, block);
  }

  delete(name: string): void {
    this.#blocks.delete(name);
    this.#takenUp.clear();
  }

  /** Brings those up to date that a refused transaction told of. What is undefined is not there. */
  correct(current: ReadonlyMap<string, Entry | undefined>): void {
    this.#takenUp.clear();
    for (const [key, entry] of current) {
      if (!key.startsWith(BLOCK_PREFIX)) continue;
      if (entry === undefined) this.delete(key.slice(BLOCK_PREFIX.length));
      else this.set(new ClusterBlock(entry));
    }
  }

  /** Whether it was found that no block of the pool is left, and none went since. */
  isTakenUp(pool: string): boolean {
    return this.#takenUp.has(pool);
  }

  noteTakenUp(pool: string): void {
    this.#takenUp.add(pool);
  }
}
