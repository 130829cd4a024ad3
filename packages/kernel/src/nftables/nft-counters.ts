/** The named counters of an nftables table, by one small dump (linux/netfilter/nf_tables.h). */
import { KernelError } from '../error.ts';
import type { Namespace } from '../namespace.ts';
import { decodeAttributes, decodeString, type Message, type MessageWriter } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { nfgenmsgFamily, type TableReference } from './nft-batch.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETOBJ = 19;
const NFTA_OBJ_TABLE = 1;
const NFTA_OBJ_NAME = 2;
const NFTA_OBJ_TYPE = 3;
const NFTA_OBJ_DATA = 4;
const NFT_OBJECT_COUNTER = 1;
const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;
const HEADER_LENGTH = 4; // struct nfgenmsg

export interface Counted {
  packets: number;
  bytes: number;
}

export class NftCounters {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens a socket in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): NftCounters {
    return new NftCounters(NetlinkSocket.open(NETLINK_NETFILTER, options));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** By name; empty when there is no such table. Throws KernelError. */
  read({ family, table }: TableReference): Map<string, Counted> {
    const request = {
      operation: `nft list counters table ${family} ${table}`,
      type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETOBJ,
      flags: 0,
      write(writer: MessageWriter) {
        writer.struct(HEADER_LENGTH, (view) => view.writeUInt8(nfgenmsgFamily(family), 0));
        writer.string(NFTA_OBJ_TABLE, table);
        writer.be32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
      },
    };
    try {
      return new Map(this.#socket.dump(request, decodeCounter));
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENOENT') return new Map();
      throw error;
    }
  }
}

function decodeCounter({ payload }: Message): [string, Counted] | undefined {
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const [name, data] = [attributes.get(NFTA_OBJ_NAME), attributes.get(NFTA_OBJ_DATA)];
  if (name === undefined || data === undefined) return undefined;
  const counted = decodeAttributes(data);
  const number = (type: number): number => Number(counted.get(type)?.readBigUInt64BE(0) ?? 0n);
  return [decodeString(name), { packets: number(NFTA_COUNTER_PACKETS), bytes: number(NFTA_COUNTER_BYTES) }];
}
