/**
 * Packets that wait in a queue until this process has looked at them: NFQUEUE by nfnetlink (linux/netfilter/nfnetlink_queue.h). The
 * event loop polls; while nobody listens, rules with `bypass` let packets go on.
 */
import type { Namespace } from '../namespace.ts';
import { decodeAttributes, MessageWriter, NLM_F_REQUEST } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { SocketPoll } from '../netlink/socket-poll.ts';

const NFNL_SUBSYS_QUEUE = 3;
const NFQNL_MSG_PACKET = 0;
const NFQNL_MSG_VERDICT = 1;
const NFQNL_MSG_CONFIG = 2;
const NFQA_CFG_CMD = 1;
const NFQA_CFG_PARAMS = 2;
const NFQA_CFG_QUEUE_MAXLEN = 3;
const NFQA_CFG_MASK = 4;
const NFQA_CFG_FLAGS = 5;
const NFQNL_CFG_CMD_BIND = 1;
const NFQNL_COPY_PACKET = 2;
const NFQA_CFG_F_FAIL_OPEN = 1;
const NFQA_PACKET_HDR = 1;
const NFQA_VERDICT_HDR = 2;
const NFQA_PAYLOAD = 10;
const NF_ACCEPT = 1;
const HEADER_LENGTH = 4; // struct nfgenmsg: family u8, version u8, resource id be16

/** The whole of a packet. */
const COPIED_BYTES = 0xffff;
/** Packets that may wait; more go on without having been looked at. */
const WAITING_PACKETS = 1024;
/** Room for them in the socket: what does not fit goes on too. */
const RECEIVE_BYTES = 4 * 1024 * 1024;

export interface PacketQueueOptions {
  /** One listener at a time. */
  number: number;
  namespace?: Namespace | undefined;
  /** Looks at a packet, from its IP header on; the packet, valid until then, goes on when this returns. When it throws, so does all that comes after. */
  onPacket: (packet: Buffer) => void;
  /** Called when nothing can come any more; packets go on without being looked at. */
  onFailure: (error: Error) => void;
}

export class PacketQueue {
  readonly #socket: NetlinkSocket;
  readonly #poll: SocketPoll;
  readonly #options: PacketQueueOptions;
  readonly #writer = new MessageWriter();

  /** Starts to listen at once, and keeps the process alive while open. Throws KernelError; EPERM when another process listens. */
  static open(options: PacketQueueOptions): PacketQueue {
    const socket = NetlinkSocket.open(NETLINK_NETFILTER, { namespace: options.namespace, receiveBytes: RECEIVE_BYTES });
    try {
      // In one request: what comes between two would wait for a verdict that nobody gives.
      socket.request({
        operation: `listen to NFQUEUE ${options.number}`,
        type: (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG,
        flags: 0,
        write(writer) {
          writer.struct(HEADER_LENGTH, (view) => view.writeUInt16BE(options.number, 2));
          writer.data(NFQA_CFG_CMD, Buffer.of(NFQNL_CFG_CMD_BIND, 0, 0, 0));
          const parameters = Buffer.alloc(5); // struct nfqnl_msg_config_params: copy range be32, mode u8
          parameters.writeUInt32BE(COPIED_BYTES, 0);
          parameters.writeUInt8(NFQNL_COPY_PACKET, 4);
          writer.data(NFQA_CFG_PARAMS, parameters);
          writer.be32(NFQA_CFG_QUEUE_MAXLEN, WAITING_PACKETS);
          writer.be32(NFQA_CFG_MASK, NFQA_CFG_F_FAIL_OPEN);
          writer.be32(NFQA_CFG_FLAGS, NFQA_CFG_F_FAIL_OPEN);
        },
      });
      return new PacketQueue(socket, options);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  private constructor(socket: NetlinkSocket, options: PacketQueueOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#poll = new SocketPoll(socket, () => this.#read(), options.onFailure);
  }

  close(): void {
    this.#poll.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(): void {
    for (const message of this.#socket.arrived('read NFQUEUE packets')) {
      // Those that are lost did not fit, and went on.
      if (message !== 'lost' && message.type === ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET)) this.#take(message.payload);
      if (!this.#poll.isOpen) return;
    }
  }

  #take(payload: Buffer): void {
    const attributes = decodeAttributes(payload, HEADER_LENGTH);
    const id = attributes.get(NFQA_PACKET_HDR)!.readUInt32BE(0);
    const packet = attributes.get(NFQA_PAYLOAD);
    try {
      if (packet !== undefined) this.#options.onPacket(packet);
    } finally {
      this.#accept(id);
    }
  }

  #accept(id: number): void {
    const writer = this.#writer;
    writer.clear();
    writer.message((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT, NLM_F_REQUEST, this.#socket.nextSequence(), () => {
      writer.struct(HEADER_LENGTH, (view) => view.writeUInt16BE(this.#options.number, 2));
      const verdict = Buffer.alloc(8); // struct nfqnl_msg_verdict_hdr: verdict be32, id be32
      verdict.writeUInt32BE(NF_ACCEPT, 0);
      verdict.writeUInt32BE(id, 4);
      writer.data(NFQA_VERDICT_HDR, verdict);
    });
    this.#socket.transmit(writer.bytes, 'let a packet of NFQUEUE go on');
  }
}
