/**
 * Associations of SCTP as far as their first two packets (RFC 9260 §3.3.2, §3.3.3), by raw sockets: that is all that NAT and policy look at,
 * and it needs no kernel that has SCTP sockets itself.
 */
import { closeSync } from 'node:fs';
import { inNamespace } from '@weir/kernel';
import { addressToNumber } from '@weir/resources';
import koffi from 'koffi';
import { eventually } from './eventually.ts';

const libc = koffi.load('libc.so.6');
const socket: (domain: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
const sendto: (fd: number, data: Buffer, length: number, flags: number, address: Buffer, addressLength: number) => number = libc.func(
  'intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)',
);
const recv: (fd: number, data: Buffer, length: number, flags: number) => number = libc.func('intptr_t recv(int, void *, size_t, int)');

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_SCTP = 132;
const MSG_DONTWAIT = 0x40;
const INIT = 1;
const INIT_ACK = 2;
const PATIENCE_MS = 5000;

interface Packet {
  sourcePort: number;
  destinationPort: number;
  chunk: number;
  /** Whether the CRC32c is that of the packet, as NAT has to leave it. */
  isSound: boolean;
}

/** Sends and hears SCTP packets of one family in one network namespace. */
export class SctpEnd {
  readonly #fd: number;
  readonly #isIpv6: boolean;

  constructor(namespace: string, family: 'IPv4' | 'IPv6') {
    this.#isIpv6 = family === 'IPv6';
    this.#fd = inNamespace(namespace, () => socket(this.#isIpv6 ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_SCTP));
    if (this.#fd < 0) throw new Error(`a raw socket in ${namespace} is refused`);
  }

  init(address: string, ports: { sourcePort: number; destinationPort: number }): void {
    this.#send(address, encode({ ...ports, chunk: INIT }));
  }

  initAck(address: string, ports: { sourcePort: number; destinationPort: number }): void {
    this.#send(address, encode({ ...ports, chunk: INIT_ACK }));
  }

  /** The next packet; undefined when none comes. */
  hear({ limitMs = PATIENCE_MS } = {}): Promise<Packet | undefined> {
    return eventually(
      () => this.#receive(),
      (packet) => packet !== undefined,
      { limitMs },
    );
  }

  close(): void {
    closeSync(this.#fd);
  }

  #send(address: string, packet: Buffer): void {
    const bytes = Buffer.from(
      addressToNumber(address)
        .toString(16)
        .padStart(this.#isIpv6 ? 32 : 8, '0'),
      'hex',
    );
    // struct sockaddr_in and sockaddr_in6; the port of a raw socket is 0.
    const to = Buffer.alloc(this.#isIpv6 ? 28 : 16);
    to.writeUInt16LE(this.#isIpv6 ? AF_INET6 : AF_INET);
    bytes.copy(to, this.#isIpv6 ? 8 : 4);
    if (sendto(this.#fd, packet, packet.length, 0, to, to.length) < 0) throw new Error(`${address}: ${koffi.errno()}`);
  }

  #receive(): Packet | undefined {
    const buffer = Buffer.alloc(2048);
    const length = recv(this.#fd, buffer, buffer.length, MSG_DONTWAIT);
    // A raw socket of IPv4 gives the IP header too.
    return length <= 0 ? undefined : decode(buffer.subarray(this.#isIpv6 ? 0 : (buffer[0]! & 0xf) * 4, length));
  }
}

function encode({ sourcePort, destinationPort, chunk }: Omit<Packet, 'isSound'>): Buffer {
  const packet = Buffer.alloc(32);
  packet.writeUInt16BE(sourcePort, 0);
  packet.writeUInt16BE(destinationPort, 2);
  // Only an INIT has the verification tag 0.
  packet.writeUInt32BE(chunk === INIT ? 0 : 1, 4);
  packet.writeUInt8(chunk, 12);
  packet.writeUInt16BE(20, 14);
  packet.writeUInt32BE(1, 16); // initiate tag
  packet.writeUInt32BE(65536, 20); // window
  packet.writeUInt16BE(1, 24);
  packet.writeUInt16BE(1, 26);
  packet.writeUInt32BE(1, 28);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

function decode(bytes: Buffer): Packet {
  const unsigned = Buffer.from(bytes);
  unsigned.writeUInt32LE(0, 8);
  return {
    sourcePort: bytes.readUInt16BE(0),
    destinationPort: bytes.readUInt16BE(2),
    chunk: bytes.readUInt8(12),
    isSound: crc32c(unsigned) === bytes.readUInt32LE(8),
  };
}

/** RFC 9260, Appendix A. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
