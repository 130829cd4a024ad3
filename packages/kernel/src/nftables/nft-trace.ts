/** What nftables does with packets that a rule has marked by `meta nftrace set 1`: each rule that matched, with its verdict. */
import { KernelError } from '../error.ts';
import type { Namespace } from '../namespace.ts';
import { decodeAttributes, decodeString, type Message } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';

export interface TraceEvent {
  /** Equal for all events of one packet in one hook's way through this namespace. */
  id: number;
  family: 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev' | 'other';
  table: string;
  chain: string;
  /** `policy`: what the chain does with what no rule decided. */
  type: 'rule' | 'return' | 'policy';
  /** Of a rule; as `nft -a list` shows it. */
  handle?: number;
  verdict: 'accept' | 'drop' | 'continue' | 'return' | 'jump' | 'goto' | 'other';
  /** The chain that a jump or goto leads to. */
  target?: string;
}

/** From linux/netfilter/nfnetlink.h: NFNLGRP_NFTRACE is group 9; NFNL_SUBSYS_NFTABLES 10 with NFT_MSG_TRACE 17. */
const GROUPS = 1 << 8;
const NFT_MSG_TRACE = (10 << 8) | 17;
/** After nlmsghdr comes nfgenmsg: family, version, resource. */
const NFGENMSG_LENGTH = 4;
/** linux/netfilter/nf_tables.h, enum nft_trace_attributes and nft_verdict_attributes. */
const ATTRIBUTE = { table: 1, chain: 2, handle: 3, type: 4, verdict: 5, id: 6, policy: 16 };
const VERDICT = { code: 1, chain: 2 };
const TYPES: Readonly<Record<number, TraceEvent['type']>> = { 1: 'policy', 2: 'return', 3: 'rule' };
const FAMILIES: Readonly<Record<number, TraceEvent['family']>> = { 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' };
const CODES: Readonly<Record<number, TraceEvent['verdict']>> = {
  0: 'drop',
  1: 'accept',
  [-1]: 'continue',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
};
const RECEIVE_BYTES = 1024 * 1024;

export class NftTrace {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Listens from now on, in a namespace (the current one when absent). Needs CAP_NET_ADMIN. Throws KernelError. */
  static open(options: { namespace?: Namespace | undefined } = {}): NftTrace {
    return new NftTrace(NetlinkSocket.open(NETLINK_NETFILTER, { ...options, groups: GROUPS, receiveBytes: RECEIVE_BYTES }));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** All that has come since the last time, in the order in which it happened. Throws KernelError ENOBUFS when some of it was lost. */
  read(): TraceEvent[] {
    const events: TraceEvent[] = [];
    for (;;) {
      try {
        for (const message of this.#socket.receive('nft monitor trace'))
          if (message.type === NFT_MSG_TRACE) events.push(decodeTrace(message));
      } catch (error) {
        if (error instanceof KernelError && error.code === 'EAGAIN') return events;
        throw error;
      }
    }
  }
}

/** @param message NFT_MSG_TRACE */
export function decodeTrace({ payload }: Pick<Message, 'payload'>): TraceEvent {
  const attributes = decodeAttributes(payload, NFGENMSG_LENGTH);
  const number = (type: number) => attributes.get(type)?.readUInt32BE(0);
  const text = (type: number) => decodeString(attributes.get(type) ?? Buffer.alloc(0));
  const verdict = attributes.get(ATTRIBUTE.verdict);
  const nested = verdict && decodeAttributes(verdict);
  const code = nested?.get(VERDICT.code)?.readInt32BE(0) ?? attributes.get(ATTRIBUTE.policy)?.readInt32BE(0);
  const target = nested?.get(VERDICT.chain);
  const handle = attributes.get(ATTRIBUTE.handle)?.readBigUInt64BE(0);
  return {
    id: number(ATTRIBUTE.id) ?? 0,
    family: FAMILIES[payload.readUInt8(0)] ?? 'other',
    table: text(ATTRIBUTE.table),
    chain: text(ATTRIBUTE.chain),
    type: TYPES[number(ATTRIBUTE.type) ?? 0] ?? 'rule',
    ...(handle !== undefined && { handle: Number(handle) }),
    verdict: (code === undefined ? undefined : CODES[code]) ?? 'other',
    ...(target !== undefined && { target: decodeString(target) }),
  };
}
