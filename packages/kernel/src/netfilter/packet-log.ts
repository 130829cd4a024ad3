/**
 * Packets that rules log to a group, in process: NFLOG by nfnetlink (linux/netfilter/nfnetlink_log.h). The kernel gathers packets and
 * hands over many at once; the event loop polls, no thread waits.
 */
import type { Namespace } from '../namespace.ts';
import type { MessageWriter, Request } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { SocketPoll } from '../netlink/socket-poll.ts';
import { decodeLoggedPacket, type LoggedPacket } from './logged-packet.ts';

const NFNL_SUBSYS_ULOG = 4;
const NFULNL_MSG_PACKET = 0;
const NFULNL_MSG_CONFIG = 1;
const NFULA_CFG_CMD = 1;
const NFULA_CFG_MODE = 2;
const NFULA_CFG_NLBUFSIZ = 3;
const NFULA_CFG_TIMEOUT = 4;
const NFULA_CFG_QTHRESH = 5;
const NFULNL_CFG_CMD_BIND = 1;
const NFULNL_COPY_PACKET = 2;
const HEADER_LENGTH = 4; // struct nfgenmsg: family u8, version u8, resource id be16

/** Of each packet: enough for IPv6 with some extension headers and the ports behind them. */
const COPIED_BYTES = 128;
/** Packets that the kernel gathers before it hands them over, … */
const GATHERED_PACKETS = 64;
/** … and how long it waits for them at most, in hundredths of a second. */
const GATHERING_TIME = 20;
/** What holds that many packets; a socket's datagram must hold it too. */
const GATHERING_BYTES = 32 * 1024;
/** Room for packets while the event loop is busy; more are lost, and told as such. */
const RECEIVE_BYTES = 2 * 1024 * 1024;

export interface PacketLogOptions {
  /** Number of the group; one listener at a time. */
  group: number;
  namespace?: Namespace | undefined;
  /** Called with what has come, at most some times a second while little does. Packets are valid after it. */
  onPackets: (packets: readonly LoggedPacket[]) => void;
  /** Called when packets came faster than they were read, so that the kernel let some go. */
  onLost: () => void;
  /** Called when nothing can come any more. */
  onFailure: (error: Error) => void;
}

export class PacketLog {
  readonly #socket: NetlinkSocket;
  readonly #poll: SocketPoll;
  readonly #options: PacketLogOptions;

  /** Starts to listen at once, and keeps the process alive while open. Throws KernelError; EPERM when another process listens to the group, root or not. */
  static open(options: PacketLogOptions): PacketLog {
    const socket = NetlinkSocket.open(NETLINK_NETFILTER, { namespace: options.namespace, receiveBytes: RECEIVE_BYTES });
    try {
      for (const request of configuration(options.group)) socket.request(request);
      return new PacketLog(socket, options);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  private constructor(socket: NetlinkSocket, options: PacketLogOptions) {
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
    const { onPackets, onLost } = this.#options;
    const packets: LoggedPacket[] = [];
    let isLost = false;
    for (const message of this.#socket.arrived('read NFLOG packets')) {
      if (message === 'lost') isLost = true;
      else if (message.type === ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET)) {
        const packet = decodeLoggedPacket(message.payload);
        if (packet !== undefined) packets.push(packet);
      }
    }
    if (isLost) onLost();
    if (packets.length > 0) onPackets(packets);
  }
}

function configuration(group: number): Request[] {
  const configure = (write: (writer: MessageWriter) => void): Request => ({
    operation: `listen to NFLOG group ${group}`,
    type: (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG,
    flags: 0,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => view.writeUInt16BE(group, 2));
      write(writer);
    },
  });
  const mode = Buffer.alloc(6); // struct nfulnl_msg_config_mode: copy range be32, mode u8, padding
  mode.writeUInt32BE(COPIED_BYTES, 0);
  mode.writeUInt8(NFULNL_COPY_PACKET, 4);
  return [
    configure((writer) => writer.u8(NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND)),
    configure((writer) => {
      writer.data(NFULA_CFG_MODE, mode);
      writer.be32(NFULA_CFG_NLBUFSIZ, GATHERING_BYTES);
      writer.be32(NFULA_CFG_TIMEOUT, GATHERING_TIME);
      writer.be32(NFULA_CFG_QTHRESH, GATHERED_PACKETS);
    }),
  ];
}
