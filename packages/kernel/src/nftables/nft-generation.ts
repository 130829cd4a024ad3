/**
 * The number of nftables' generation in one namespace: every transaction, whoever makes it, makes a new one. Two equal numbers say that
 * nothing changed between, at the cost of one small message.
 */
import { KernelError } from '../error.ts';
import type { Namespace } from '../namespace.ts';
import { decodeAttributes, type MessageWriter } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';

// linux/netfilter/nf_tables.h
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
const HEADER_LENGTH = 4; // struct nfgenmsg
const EBADMSG = 74;

export class NftGeneration {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens a socket in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): NftGeneration {
    return new NftGeneration(NetlinkSocket.open(NETLINK_NETFILTER, options));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Throws KernelError. */
  read(): number {
    const operation = 'nft: read generation';
    const { payload } = this.#socket.get({
      operation,
      type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
      flags: 0,
      write: (writer: MessageWriter) => writer.struct(HEADER_LENGTH, () => {}),
    });
    const id = decodeAttributes(payload, HEADER_LENGTH).get(NFTA_GEN_ID)?.readUInt32BE(0);
    if (id === undefined) throw new KernelError(EBADMSG, operation, { extendedAck: 'the answer holds no number' });
    return id;
  }
}
