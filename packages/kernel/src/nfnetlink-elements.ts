/**
 * Elements of nftables sets and maps, added and deleted in one transaction by raw nfnetlink.
 *
 * Why not libnftables: version 1.0.6 reads every set of the ruleset before it adds an element, 33 ms with 2,000 maps. The kernel itself
 * needs a fraction of a millisecond.
 */
import { KernelError } from './error.ts';
import type { Namespace } from './namespace.ts';
import {
  type Acknowledgement,
  decodeAcknowledgement,
  MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  NLMSG_ERROR,
} from './netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/socket.ts';
import { describeElement, type ElementChange, writeElement } from './nftables-element.ts';

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const FAMILIES = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

// NFTA_SET_ELEM_LIST_ELEMENTS is one attribute, whose length has 16 bits; what a single change adds is far below the difference.
const ELEMENTS_BYTES = 0xf000;

export interface TableReference {
  family: keyof typeof FAMILIES;
  table: string;
}

/** One message of a batch: which changes it holds, and where in it each begins. */
interface Part {
  sequence: number;
  set: string;
  op: ElementChange['op'];
  first: number;
  offsets: number[];
}

export class NftElements {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens a socket in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): NftElements {
    return new NftElements(NetlinkSocket.open(NETLINK_NETFILTER, options));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Carries all changes out in their order, in one transaction: packets see all of them, or none. To change what a map gives for a key,
   * delete the key and add it in the same call. Throws KernelError that names the element: ENOENT (no such table, set, chain, or element
   * to delete), EEXIST (the key is there with another verdict, or an interval overlaps), EINVAL (the key is not of the set's type).
   */
  apply({ family, table }: TableReference, changes: readonly ElementChange[]): void {
    if (changes.length === 0) return;
    const socket = this.#socket;
    const writer = new MessageWriter(Math.min(256 + changes.length * 128, 64 * 1024));
    const begin = socket.nextSequence();
    writeBatchMark(writer, NFNL_MSG_BATCH_BEGIN, begin);
    const parts: Part[] = [];
    for (let from = 0; from < changes.length; ) {
      const part = writePart(writer, socket.nextSequence(), FAMILIES[family], table, changes, from);
      parts.push(part);
      from += part.offsets.length;
    }
    writeBatchMark(writer, NFNL_MSG_BATCH_END, socket.nextSequence());

    const { bytes } = writer;
    const operation = `nft ${changes.length} element changes in ${family} ${table}`;
    socket.transmit(bytes, operation);
    this.#readAnswers(begin, parts, changes, `${family} ${table}`, operation);
  }

  /**
   * Only the last message asks to be acknowledged, and is, once the transaction is committed. A refused one is answered in any case. The
   * answers come together when the kernel is through with the batch, in its order.
   */
  #readAnswers(begin: number, parts: readonly Part[], changes: readonly ElementChange[], table: string, operation: string): void {
    const last = parts.at(-1)!.sequence;
    let first: KernelError | undefined;
    for (;;) {
      for (const message of this.#socket.receive(operation)) {
        if (message.type !== NLMSG_ERROR) continue;
        const answer = decodeAcknowledgement(message);
        if (answer.errno !== 0) {
          const part = parts.find(({ sequence }) => sequence === message.sequence);
          // Refused as a whole, in the name of its first message: no other answer comes.
          if (!part && message.sequence !== begin) continue;
          if (!part) throw new KernelError(answer.errno, operation, answer.text === undefined ? {} : { extendedAck: answer.text });
          first ??= elementError(answer, part, changes, table);
        }
        if (message.sequence !== last) continue;
        if (first) throw first;
        return;
      }
    }
  }
}

function writeBatchMark(writer: MessageWriter, type: number, sequence: number): void {
  writer.message(type, NLM_F_REQUEST, sequence, () => writeHeader(writer, 0, NFNL_SUBSYS_NFTABLES));
}

/** struct nfgenmsg: family u8, version u8, resource id be16. */
function writeHeader(writer: MessageWriter, family: number, resource: number): void {
  writer.struct(4, (view) => {
    view.writeUInt8(family, 0);
    view.writeUInt16BE(resource, 2);
  });
}

/** Writes one message with the changes from `from` on that go together: same set, same operation, as many as fit. */
function writePart(
  writer: MessageWriter,
  sequence: number,
  family: number,
  table: string,
  changes: readonly ElementChange[],
  from: number,
): Part {
  const { set, op } = changes[from]!;
  const part: Part = { sequence, set, op, first: from, offsets: [] };
  const start = writer.length;
  const type = (NFNL_SUBSYS_NFTABLES << 8) | (op === 'add' ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);
  // Whether this is the last message shows when its changes are written, and the flags stand before them.
  let index = from;
  writer.message(
    type,
    () => NLM_F_REQUEST | (op === 'add' ? NLM_F_CREATE : 0) | (index === changes.length ? NLM_F_ACK : 0),
    sequence,
    () => {
      writeHeader(writer, family, 0);
      writer.string(NFTA_SET_ELEM_LIST_TABLE, table);
      writer.string(NFTA_SET_ELEM_LIST_SET, set);
      writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
        const elements = writer.length;
        for (; index < changes.length && writer.length - elements < ELEMENTS_BYTES; index += 1) {
          const change = changes[index]!;
          if (change.set !== set || change.op !== op) break;
          part.offsets.push(writer.length - start);
          writeElement(writer, change);
        }
      });
    },
  );
  return part;
}

/** Names the element by the place in the message that the kernel complains of. */
function elementError(answer: Acknowledgement, part: Part, changes: readonly ElementChange[], table: string): KernelError {
  const { offset } = answer;
  const word = part.op === 'add' ? 'add' : 'delete';
  const index = offset === undefined ? -1 : part.offsets.findLastIndex((at) => at <= offset);
  const text = answer.text === undefined ? {} : { extendedAck: answer.text };
  if (index >= 0 || part.offsets.length === 1) {
    const at = part.first + Math.max(index, 0);
    // At the table's or the set's name, before all elements, it is that which is not there.
    const missing = offset !== undefined && index < 0 ? { extendedAck: answer.text ?? `there is no such table or set` } : text;
    return new KernelError(answer.errno, `nft ${word} element ${table} ${part.set} { ${describeElement(changes[at]!)} }`, {
      ...missing,
      batchIndex: at,
    });
  }
  const [some] = changes.slice(part.first);
  return new KernelError(
    answer.errno,
    `nft ${word} element ${table} ${part.set} { ${describeElement(some!)}, … } (${part.offsets.length} elements)`,
    {
      ...text,
      ...(offset !== undefined && { extendedAck: answer.text ?? 'there is no such table or set' }),
      batchIndex: part.first,
    },
  );
}
