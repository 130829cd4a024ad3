/** Every block of the cluster as it was once listed: good for finding a free one, and checked by the transaction that takes it. */
import type { Entry } from '@weir/datastore';
import { type AddressRange, type BlockSpec, cidrRange } from '@weir/resources';
import { BLOCK_PREFIX, blockCidr, decodeBlock } from './block.ts';

/** What is stored is read when it is asked for: a claim needs the ranges alone. */
export class ClusterBlock {
  readonly name: string;
  readonly cidr: string;
  readonly range: AddressRange;
  readonly revision: number;
  #text: string | undefined;
  #spec: BlockSpec | undefined;

  constructor({ key, value, revision }: Pick<Entry, 'key' | 'revision'> & { value: string | BlockSpec }) {
    this.name = key.slice(BLOCK_PREFIX.length);
    this.cidr = blockCidr(this.name);
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
}
