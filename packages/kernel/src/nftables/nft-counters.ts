/** What the counters in the rules of a chain come to, by one small dump each (linux/netfilter/nf_tables.h). */
import type { Namespace } from '../namespace.ts';
import { attributeList, decodeAttributes, decodeString, type Message, type MessageWriter } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { nfgenmsgFamily, type TableReference } from './nft-batch.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETRULE = 7;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
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

  /** The sum of a chain's counters; nothing counted when there is no such chain. Throws KernelError. */
  read({ family, table }: TableReference, chain: string): Counted {
    const request = {
      operation: `nft list chain ${family} ${table} ${chain}`,
      type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETRULE,
      flags: 0,
      write(writer: MessageWriter) {
        writer.struct(HEADER_LENGTH, (view) => view.writeUInt8(nfgenmsgFamily(family), 0));
        writer.string(NFTA_RULE_TABLE, table);
        writer.string(NFTA_RULE_CHAIN, chain);
      },
    };
    const sum = { packets: 0, bytes: 0 };
    for (const { packets, bytes } of this.#socket.dump(request, decodeCounters).flat()) {
      sum.packets += packets;
      sum.bytes += bytes;
    }
    return sum;
  }
}

/** Of one rule. */
function decodeCounters({ payload }: Message): Counted[] {
  const expressions = decodeAttributes(payload, HEADER_LENGTH).get(NFTA_RULE_EXPRESSIONS);
  return Array.from(expressions === undefined ? [] : attributeList(expressions)).flatMap(([type, expression]) => {
    if (type !== NFTA_LIST_ELEM) return [];
    const attributes = decodeAttributes(expression);
    const [name, data] = [attributes.get(NFTA_EXPR_NAME), attributes.get(NFTA_EXPR_DATA)];
    if (name === undefined || data === undefined || decodeString(name) !== 'counter') return [];
    const counted = decodeAttributes(data);
    const number = (counter: number): number => Number(counted.get(counter)?.readBigUInt64BE(0) ?? 0n);
    return [{ packets: number(NFTA_COUNTER_PACKETS), bytes: number(NFTA_COUNTER_BYTES) }];
  });
}
