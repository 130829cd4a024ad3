import { closeSync } from 'node:fs';
import { bind, checked, errno, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, send, setsockopt, socket } from '../libc.ts';
import { inNamespace } from '../namespace.ts';
import { Netlink } from '../netlink/netlink.ts';

const AF_PACKET = 17;
/** linux/if_ether.h: every protocol. */
const ETH_P_ALL = 0x0003;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BUFFER = 8 << 20;
const EAGAIN = 11;

/** Whole Ethernet frames on one interface, in and out, past the IP stack of its namespace (packet(7)). */
export class PacketSocket {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(2048);

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static open(namespace: string, interfaceName: string): PacketSocket {
    using netlink = Netlink.open({ namespace });
    const { index } = netlink.link(interfaceName)!;
    const fd = inNamespace(namespace, () => checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), 'socket AF_PACKET'));
    const size = Buffer.alloc(4);
    size.writeInt32LE(RECEIVE_BUFFER);
    checked(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length), 'setsockopt SO_RCVBUFFORCE');
    // struct sockaddr_ll: family u16, protocol be16, interface index i32, and what only received frames have.
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(index, 4);
    checked(bind(fd, address, address.length), `bind packet socket to ${interfaceName}`);
    return new PacketSocket(fd);
  }

  send(frame: Buffer): void {
    checked(send(this.#fd, frame, frame.length, 0), 'send frame');
  }

  /** The frames that have come since the last call. */
  *received(): Generator<Buffer> {
    for (;;) {
      const length = recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length < 0 && errno() === EAGAIN) return;
      yield Buffer.from(this.#buffer.subarray(0, checked(length, 'receive frame')));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
