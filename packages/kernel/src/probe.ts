/** The first packet of a flow, sent from within a namespace as its programs would send it. */
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { checked, connect, errno, getsockopt, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, send, socket } from './libc.ts';
import { inNamespace, type Namespace } from './namespace.ts';
import { AF_INET, AF_INET6, socketAddress } from './socket-address.ts';

export interface ProbeOptions {
  namespace: Namespace;
  destination: string;
  /** Protocol number: TCP, UDP, or ICMP and ICMPv6, of which an echo request is sent. */
  protocol: number;
  port?: number;
}

/** `refused`: a reset, or an ICMP error. `none`: nothing came so far; UDP and ICMP are not waited for. */
export type ProbeAnswer = 'answered' | 'refused' | 'none';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const EINPROGRESS = 115;
const SO_ERROR = 4;
const SOL_TCP = 6;
const TCP_INFO = 11;
const TCP_ESTABLISHED = 1;
const TCP = 6;
const UDP = 17;

export class Probe {
  readonly #fd: number;
  readonly #protocol: number;

  private constructor(fd: number, protocol: number) {
    this.#fd = fd;
    this.#protocol = protocol;
  }

  /** Sends it. Throws KernelError: ENETUNREACH and EHOSTUNREACH where no route leads there, EPERM where the namespace itself forbids it. */
  static send({ namespace, destination, protocol, port = 0 }: ProbeOptions): Probe {
    const operation = `send a probe to ${destination}`;
    const isSix = isIPv6(destination);
    const type = protocol === TCP ? SOCK_STREAM : protocol === UDP ? SOCK_DGRAM : SOCK_RAW;
    const fd = inNamespace(namespace, () =>
      checked(socket(isSix ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), operation),
    );
    try {
      const address = socketAddress(destination, type === SOCK_RAW ? 0 : port);
      const connected = connect(fd, address, address.length);
      if (connected < 0 && errno() !== EINPROGRESS) checked(connected, operation);
      if (type === SOCK_DGRAM) checked(send(fd, Buffer.alloc(1), 1, 0), operation);
      if (type === SOCK_RAW) checked(send(fd, echoRequest(isSix), 8, 0), operation);
      return new Probe(fd, protocol);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  get answer(): ProbeAnswer {
    if (option(this.#fd, SOL_SOCKET, SO_ERROR) !== 0) return 'refused';
    if (this.#protocol !== TCP) return 'none';
    return (option(this.#fd, SOL_TCP, TCP_INFO) & 0xff) === TCP_ESTABLISHED ? 'answered' : 'none';
  }

  close(): void {
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The first four bytes of an option's value. */
function option(fd: number, level: number, name: number): number {
  const value = Buffer.alloc(256);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  checked(getsockopt(fd, level, name, value, length), 'look at a probe');
  return value.readUInt32LE(0);
}

/** RFC 792 and RFC 4443, identifier and sequence 0. Of ICMPv6 the kernel makes the checksum itself. */
function echoRequest(isSix: boolean): Buffer {
  return isSix ? Buffer.from([128, 0, 0, 0, 0, 0, 0, 0]) : Buffer.from([8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
}
