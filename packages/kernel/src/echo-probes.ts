/** Echo requests of many sizes to one address, none of them in fragments: which arrive tells what the path carries. */
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { checked, connect, errno, getsockopt, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_RAW, send, setsockopt, socket } from './libc.ts';
import { inNamespace, type Namespace } from './namespace.ts';
import { AF_INET, AF_INET6, socketAddress } from './socket-address.ts';

/** linux/in.h and linux/in6.h; the discovery of `probe` sets "don't fragment" and passes over what is remembered of a path. */
const FAMILIES = {
  IPv4: { family: AF_INET, protocol: 1, level: 0, discover: 10, mtu: 14, header: 20, request: 8, reply: 0 },
  IPv6: { family: AF_INET6, protocol: 58, level: 41, discover: 23, mtu: 24, header: 40, request: 128, reply: 129 },
} as const;
const IP_PMTUDISC_PROBE = 3;
const EAGAIN = 11;
const EMSGSIZE = 90;
const ECHO_HEADER = 8;

export class EchoProbes {
  readonly #fd: number;
  readonly #of: (typeof FAMILIES)[keyof typeof FAMILIES];
  readonly #address: Buffer;
  readonly #id = randomBytes(2);
  /** Of the packets that were sent, by their sequence numbers. */
  readonly #sizes: number[] = [];
  readonly #answered = new Set<number>();

  private constructor(fd: number, of: (typeof FAMILIES)[keyof typeof FAMILIES], address: Buffer) {
    this.#fd = fd;
    this.#of = of;
    this.#address = address;
  }

  /** As root. Throws KernelError: ENETUNREACH and EHOSTUNREACH where no route leads there. */
  static open({ destination, namespace }: { destination: string; namespace?: Namespace }): EchoProbes {
    const of = FAMILIES[isIPv6(destination) ? 'IPv6' : 'IPv4'];
    const open = () => checked(socket(of.family, SOCK_RAW | SOCK_CLOEXEC, of.protocol), 'open a socket of ICMP');
    const fd = namespace === undefined ? open() : inNamespace(namespace, open);
    try {
      const value = Buffer.alloc(4);
      value.writeInt32LE(IP_PMTUDISC_PROBE);
      checked(setsockopt(fd, of.level, of.discover, value, value.length), 'forbid fragments');
      const address = socketAddress(destination, 0);
      checked(connect(fd, address, address.length), `connect to ${destination}`);
      return new EchoProbes(fd, of, address);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /**
   * @param size of the whole IP packet, in bytes
   * @returns false where the interface itself takes none of that size
   */
  send(size: number): boolean {
    const packet = Buffer.alloc(Math.max(size - this.#of.header, ECHO_HEADER));
    packet[0] = this.#of.request;
    this.#id.copy(packet, 4);
    packet.writeUInt16BE(this.#sizes.length & 0xffff, 6);
    // Of ICMPv6 the kernel makes it.
    if (this.#of === FAMILIES.IPv4) packet.writeUInt16BE(checksum(packet), 2);
    if (send(this.#fd, packet, packet.length, 0) < 0) {
      if (errno() === EMSGSIZE) return false;
      // What an earlier packet met comes with the next call; that it is lost shows by itself.
      if (send(this.#fd, packet, packet.length, 0) < 0 && errno() === EMSGSIZE) return false;
    }
    this.#sizes.push(size);
    return true;
  }

  /** Sizes of which an answer has come by now. */
  get answered(): ReadonlySet<number> {
    const packet = Buffer.alloc(65_536);
    // An ICMP error of an earlier packet is told once, in place of an answer.
    for (let errors = 0; errors <= this.#sizes.length; ) {
      const length = recv(this.#fd, packet, packet.length, MSG_DONTWAIT);
      if (length < 0) {
        if (errno() === EAGAIN) break;
        errors += 1;
        continue;
      }
      const size = this.#sizeOf(packet.subarray(0, length));
      if (size !== undefined) this.#answered.add(size);
    }
    return this.#answered;
  }

  #sizeOf(packet: Buffer): number | undefined {
    // A raw socket of IPv4 gets the header too (raw(7)).
    const message = this.#of === FAMILIES.IPv4 ? packet.subarray((packet[0]! & 0xf) * 4) : packet;
    if (message.length < ECHO_HEADER || message[0] !== this.#of.reply || !message.subarray(4, 6).equals(this.#id)) return undefined;
    return this.#sizes[message.readUInt16BE(6)];
  }

  /** What the kernel was told that the path carries, in bytes: the interface's, unless an ICMP message said less (RFC 1191, RFC 8201). */
  get pathMtu(): number {
    // Of IPv6 the route that was found at first stays the socket's, and what was said since belongs to another.
    checked(connect(this.#fd, this.#address, this.#address.length), 'look for the route again');
    const value = Buffer.alloc(4);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(value.length);
    checked(getsockopt(this.#fd, this.#of.level, this.#of.mtu, value, length), 'ask for the MTU of a path');
    return value.readUInt32LE(0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : bytes[at]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
