/** Many elements of a set of intervals at once, in the kernel's bytes (linux/netfilter/nf_tables.h). Pure. */
import { formatAddress } from '../netlink/ip-address.ts';
import type { MessageWriter } from '../netlink/message.ts';
import { fieldLength } from './nftables-field.ts';

export interface IntervalsChange {
  kind: 'intervals';
  op: 'add' | 'delete';
  set: string;
  type: 'ipv4_addr' | 'ipv6_addr';
  /** First and last address of each, both included, one after the other, in network order. None is before the one that it follows. */
  bytes: Uint8Array;
}

const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_DATA_VALUE = 1;
const NLA_F_NESTED = 0x8000;
const NFT_SET_ELEM_INTERVAL_END = 1;
const ATTRIBUTE_HEADER = 4;

/** The intervals of a change, each by its place. */
export class Intervals {
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #width: number;

  constructor({ type, bytes }: Pick<IntervalsChange, 'type' | 'bytes'>) {
    this.#bytes = bytes;
    this.#width = fieldLength(type);
    this.length = bytes.length / (2 * this.#width);
  }

  /** Writes the same as `writeElement`, which takes ten times as long: the start, and as its end what comes after the last address. */
  write(writer: MessageWriter, index: number): void {
    const at = index * 2 * this.#width;
    this.#edge(writer, at, false);
    // One up to the highest address never ends.
    if (!this.#isHighest(at + this.#width)) this.#edge(writer, at + this.#width, true);
  }

  /** In the words of nft. */
  describe(index: number): string {
    const at = index * 2 * this.#width;
    const [first, last] = [at, at + this.#width].map((start) => formatAddress(this.#bytes.subarray(start, start + this.#width)));
    return first === last ? first! : `${first}-${last}`;
  }

  #edge(writer: MessageWriter, at: number, isEnd: boolean): void {
    const width = this.#width;
    const value = ATTRIBUTE_HEADER + width;
    const key = ATTRIBUTE_HEADER + value;
    writer.struct(ATTRIBUTE_HEADER + key + (isEnd ? ATTRIBUTE_HEADER + 4 : 0), (view) => {
      view.writeUInt16LE(view.length, 0);
      view.writeUInt16LE(NFTA_LIST_ELEM | NLA_F_NESTED, 2);
      view.writeUInt16LE(key, 4);
      view.writeUInt16LE(NFTA_SET_ELEM_KEY | NLA_F_NESTED, 6);
      view.writeUInt16LE(value, 8);
      view.writeUInt16LE(NFTA_DATA_VALUE, 10);
      view.set(this.#bytes.subarray(at, at + width), 12);
      if (!isEnd) return;
      for (let byte = 12 + width - 1; byte >= 12; byte -= 1) {
        view[byte] = (view[byte]! + 1) & 0xff;
        if (view[byte] !== 0) break;
      }
      view.writeUInt16LE(ATTRIBUTE_HEADER + 4, 12 + width);
      view.writeUInt16LE(NFTA_SET_ELEM_FLAGS, 14 + width);
      view.writeUInt32BE(NFT_SET_ELEM_INTERVAL_END, 16 + width);
    });
  }

  #isHighest(at: number): boolean {
    for (let byte = at; byte < at + this.#width; byte += 1) if (this.#bytes[byte] !== 0xff) return false;
    return true;
  }
}
