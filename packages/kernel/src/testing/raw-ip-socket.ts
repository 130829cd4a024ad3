import { closeSync } from 'node:fs';
import { checked, connect, errno, SOCK_CLOEXEC, SOCK_RAW, send, socket } from '../libc.ts';
import { inNamespace } from '../namespace.ts';

const AF_INET = 2;
const AF_INET6 = 10;
/** The sender writes the IP header (raw(7)); of IPv6 as well (net/ipv6/af_inet6.c). */
const IPPROTO_RAW = 255;
const EPERM = 1;

/** Packets that a namespace's own processes send, from the IP header on: they pass its output hooks, as nothing from a packet socket does. */
export class RawIpSocket {
  readonly #fds: Readonly<Record<4 | 6, number>>;

  private constructor(fds: Readonly<Record<4 | 6, number>>) {
    this.#fds = fds;
  }

  static open(namespace: string): RawIpSocket {
    const open = (family: number) => checked(socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), 'socket IPPROTO_RAW');
    return inNamespace(namespace, () => new RawIpSocket({ 4: open(AF_INET), 6: open(AF_INET6) }));
  }

  /**
   * @param packet whole; where it goes to is read from its header
   * @returns false when a hook dropped it
   */
  send(packet: Buffer): boolean {
    const version = packet[0]! >> 4 === 4 ? 4 : 6;
    const fd = this.#fds[version];
    const target = version === 4 ? ipv4Target(packet) : ipv6Target(packet);
    checked(connect(fd, target, target.length), 'connect raw socket');
    const sent = send(fd, packet, packet.length, 0);
    if (sent < 0 && errno() === EPERM) return false;
    checked(sent, 'send packet');
    return true;
  }

  close(): void {
    for (const fd of Object.values(this.#fds)) closeSync(fd);
  }
}

/** struct sockaddr_in: family u16, port be16, address, padding. */
function ipv4Target(packet: Buffer): Buffer {
  const target = Buffer.alloc(16);
  target.writeUInt16LE(AF_INET, 0);
  packet.copy(target, 4, 16, 20);
  return target;
}

/** struct sockaddr_in6: family u16, port be16, flow label u32, address, scope u32. */
function ipv6Target(packet: Buffer): Buffer {
  const target = Buffer.alloc(28);
  target.writeUInt16LE(AF_INET6, 0);
  packet.copy(target, 8, 24, 40);
  return target;
}
