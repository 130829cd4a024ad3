/**
 * A netlink socket: requests with their acknowledgements, batches, dumps. Synchronous: the kernel works a request off within send(2),
 * so that the answer is there when send returns and nothing ever waits. A recv that would wait is therefore a fault, and is reported.
 */
import { closeSync } from 'node:fs';
import { KernelError } from '../error.ts';
import {
  AF_NETLINK,
  bind,
  checked,
  errno,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recv,
  recvOffThread,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  send,
  sendOffThread,
  setsockopt,
  socket,
} from '../libc.ts';
import { inOptionalNamespace, type Namespace } from '../namespace.ts';
import {
  acknowledgementError,
  decodeAcknowledgement,
  decodeMessages,
  type Message,
  MessageWriter,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
} from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const EAGAIN = 11;
const EINTR = 4;
const EBADF = 9;

// The kernel fills a dump's datagrams up to 32 KiB, or to the size that recv offers if that is less.
const RECEIVE_BYTES = 64 * 1024;
const SEND_BYTES = 200 * 1024;
// A refused request costs an acknowledgement in the receive buffer; this many fit at its default size, whatever the request.
const REQUESTS_PER_SEND = 128;
const DUMP_ATTEMPTS = 10;

export interface SocketOptions {
  /** The namespace to live in; the current one when absent. */
  namespace?: Namespace | undefined;
  /** Bit mask of multicast groups 1–32 to join. */
  groups?: number;
  /** Bytes that may queue up unread; beyond, messages are lost and recv says ENOBUFS. */
  receiveBytes?: number;
}

export class NetlinkSocket {
  readonly fd: number;
  #open = true;
  #sequence = 0;
  #sendBytes = SEND_BYTES;
  readonly #writer = new MessageWriter();
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens a socket of one netlink protocol (NETLINK_ROUTE, NETLINK_NETFILTER) inside a namespace. */
  static open(protocol: number, options: SocketOptions = {}): NetlinkSocket {
    const operation = 'open netlink socket';
    const fd = inOptionalNamespace(options.namespace, () => checked(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), operation));
    try {
      const opened = new NetlinkSocket(fd);
      opened.#set(SOL_NETLINK, NETLINK_EXT_ACK, 1);
      opened.#set(SOL_NETLINK, NETLINK_CAP_ACK, 1);
      // Only rtnetlink knows filters in dumps, and refuses what it does not know when this is set.
      if (protocol === NETLINK_ROUTE) opened.#set(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
      if (options.receiveBytes !== undefined) opened.#set(SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBytes);
      if (options.groups !== undefined) {
        const address = Buffer.alloc(12); // sockaddr_nl: family, padding, port (0: the kernel chooses), groups
        address.writeUInt16LE(AF_NETLINK, 0);
        address.writeUInt32LE(options.groups >>> 0, 8);
        checked(bind(fd, address, address.length), 'join netlink multicast groups');
      }
      return opened;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }

  /** Sends one request and waits for its acknowledgement. Throws KernelError. */
  request(request: Request): void {
    this.batch([request]);
  }

  /**
   * Sends many requests in one send(2). Only the last asks for an acknowledgement: a refused one is answered in any case, so that a
   * batch costs two system calls when all goes well. The kernel carries out the others also when one is refused; the error is that of the first refused one, with `batchIndex`, and
   * names the `others`.
   */
  batch(requests: readonly Request[]): void {
    const failures: KernelError[] = [];
    for (let from = 0; from < requests.length; ) from = this.#sendSome(requests, from, failures);
    const [first, ...others] = failures;
    if (!first) return;
    throw others.length === 0
      ? first
      : new KernelError(first.errno, first.operation, {
          others,
          ...(first.extendedAck !== undefined && { extendedAck: first.extendedAck }),
          ...(first.batchIndex !== undefined && { batchIndex: first.batchIndex }),
        });
  }

  /**
   * `request` on a worker thread, for what keeps the kernel busy for long. The socket must not be used for anything else meanwhile.
   * Throws KernelError.
   */
  async requestOffThread(request: Request): Promise<void> {
    const { operation } = request;
    const sequence = this.nextSequence();
    const writer = new MessageWriter();
    writer.message(request.type, NLM_F_REQUEST | NLM_F_ACK | request.flags, sequence, () => request.write(writer));
    await sendOffThread(this.#live(operation), writer.bytes, writer.bytes.length).catch((number: number) => {
      throw new KernelError(number, operation);
    });
    const answer = this.receive(operation).find((message) => message.type === NLMSG_ERROR && message.sequence === sequence);
    const acknowledgement = answer && decodeAcknowledgement(answer);
    if (acknowledgement && acknowledgement.errno !== 0) throw acknowledgementError(acknowledgement, operation);
  }

  /** Sends one request and gives back the one message that answers it. Throws KernelError. */
  get(request: Request): Message {
    const sequence = this.#sendOne(request, 0);
    for (;;) {
      for (const message of this.receive(request.operation)) {
        if (message.sequence !== sequence) continue;
        if (message.type !== NLMSG_ERROR) return { ...message, payload: Buffer.from(message.payload) };
        throw acknowledgementError(decodeAcknowledgement(message), request.operation);
      }
    }
  }

  /**
   * Dumps a table, and starts over when it changed while it was read (NLM_F_DUMP_INTR). `decode` gives undefined for a message to skip; a message's payload is only valid
   * within it. Throws KernelError; EINTR when the table changed during every attempt.
   */
  dump<T>(request: Request, decode: (message: Message) => T | undefined): T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt += 1) {
      const result = this.#dumpOnce(request, decode);
      if (result) return result;
    }
    throw alwaysChanging(request.operation);
  }

  /**
   * `dump` on worker threads, for a table so large that the kernel needs milliseconds to walk it. The socket must not be used for
   * anything else meanwhile.
   */
  async dumpOffThread<T>(request: Request, decode: (message: Message) => T | undefined): Promise<T[]> {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt += 1) {
      const result = await this.#dumpOnceOffThread(request, decode);
      if (result) return result;
    }
    throw alwaysChanging(request.operation);
  }

  /** The next datagram's messages; their payloads are valid until the next call. Throws KernelError, EAGAIN when there is none. */
  receive(operation: string): Message[] {
    for (;;) {
      const received = this.#received;
      const length = recv(this.#live(operation), received, received.length, MSG_DONTWAIT | MSG_TRUNC);
      if (length > received.length)
        throw new RangeError(`${operation}: the kernel sent ${length} bytes at once, more than ${received.length}`);
      if (length >= 0) return decodeMessages(received.subarray(0, length));
      if (errno() === EINTR) continue;
      throw new KernelError(errno(), operation, errno() === EAGAIN ? { extendedAck: 'the kernel did not answer' } : {});
    }
  }

  /**
   * All that has come by itself, one message after the other, without waiting for more. `lost` where more came than the socket could hold.
   * A message's payload is valid until the next one. Throws KernelError.
   */
  *arrived(operation: string): Generator<Message | 'lost', void, undefined> {
    for (;;) {
      let messages: Message[];
      try {
        messages = this.receive(operation);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        if (error.code === 'EAGAIN') return;
        if (error.code !== 'ENOBUFS') throw error;
        yield 'lost';
        continue;
      }
      yield* messages;
    }
  }

  /** Sends bytes that hold whole messages, and makes the send buffer larger when they need it. */
  transmit(bytes: Buffer, operation: string): void {
    this.prepareToSend(bytes.length);
    for (;;) {
      if (send(this.#live(operation), bytes, bytes.length, 0) >= 0) return;
      if (errno() !== EINTR) throw new KernelError(errno(), operation);
    }
  }

  /** Makes the send buffer large enough for one datagram of so many bytes. */
  prepareToSend(bytes: number): void {
    if (bytes <= this.#sendBytes) return;
    // The kernel doubles the figure for its own bookkeeping, and refuses a datagram larger than what comes out less 32.
    this.#set(SOL_SOCKET, SO_SNDBUFFORCE, bytes);
    this.#sendBytes = bytes;
  }

  /** The next number for a message on this socket. */
  nextSequence(): number {
    this.#sequence = (this.#sequence % 0xffffffff) + 1;
    return this.#sequence;
  }

  #live(operation: string): number {
    if (!this.#open) throw new KernelError(EBADF, operation, { extendedAck: 'the netlink socket is closed' });
    return this.fd;
  }

  #set(level: number, name: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    checked(setsockopt(this.fd, level, name, bytes, bytes.length), `set netlink socket option ${name}`);
  }

  #sendOne(request: Request, flags: number): number {
    const sequence = this.nextSequence();
    this.#writer.clear();
    this.#writer.message(request.type, request.flags | NLM_F_REQUEST | flags, sequence, () => request.write(this.#writer));
    this.transmit(this.#writer.bytes, request.operation);
    return sequence;
  }

  /** Sends requests from `from` on, as many as go in one datagram, collects what failed, and says where to go on. */
  #sendSome(requests: readonly Request[], from: number, failures: KernelError[]): number {
    const writer = this.#writer;
    writer.clear();
    const end = Math.min(requests.length, from + REQUESTS_PER_SEND);
    const numbers = new Map<number, number>();
    let last = 0;
    for (let index = from; index < end; index += 1) {
      const request = requests[index]!;
      last = this.nextSequence();
      numbers.set(last, index);
      writer.message(request.type, request.flags | NLM_F_REQUEST | (index === end - 1 ? NLM_F_ACK : 0), last, () => request.write(writer));
    }
    const operation = requests[end - 1]!.operation;
    this.transmit(writer.bytes, operation);
    for (;;) {
      for (const message of this.receive(operation)) {
        const index = numbers.get(message.sequence);
        if (message.type !== NLMSG_ERROR || index === undefined) continue;
        const acknowledgement = decodeAcknowledgement(message);
        if (acknowledgement.errno !== 0) {
          failures.push(acknowledgementError(acknowledgement, requests[index]!.operation, requests.length > 1 ? index : undefined));
        }
        if (message.sequence === last) return end;
      }
    }
  }

  /** Undefined when it was interrupted. Reads to the end also when `decode` throws: the kernel begins no dump on a socket that is in one. */
  #dumpOnce<T>(request: Request, decode: (message: Message) => T | undefined): T[] | undefined {
    const collected = new DumpCollector(this.#sendOne(request, NLM_F_DUMP), request.operation, decode);
    while (!collected.complete) collected.take(this.receive(request.operation));
    return collected.items;
  }

  async #dumpOnceOffThread<T>(request: Request, decode: (message: Message) => T | undefined): Promise<T[] | undefined> {
    const { operation } = request;
    const sequence = this.nextSequence();
    const writer = new MessageWriter();
    writer.message(request.type, NLM_F_REQUEST | NLM_F_DUMP | request.flags, sequence, () => request.write(writer));
    const asError = (number: number): never => {
      throw new KernelError(number, operation);
    };
    await sendOffThread(this.#live(operation), writer.bytes, writer.bytes.length).catch(asError);
    const collected = new DumpCollector(sequence, operation, decode);
    const received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    while (!collected.complete) {
      const length = await recvOffThread(this.#live(operation), received, received.length, MSG_DONTWAIT).catch(asError);
      collected.take(decodeMessages(received.subarray(0, length)));
    }
    return collected.items;
  }
}

function alwaysChanging(operation: string): KernelError {
  return new KernelError(EINTR, operation, { extendedAck: `the table changed during each of ${DUMP_ATTEMPTS} dumps` });
}

/** The messages of one dump, until the one that ends it. */
class DumpCollector<T> {
  readonly #sequence: number;
  readonly #operation: string;
  readonly #decode: (message: Message) => T | undefined;
  readonly #items: T[] = [];
  #interrupted = false;
  #failure: { error: unknown } | undefined;
  complete = false;

  constructor(sequence: number, operation: string, decode: (message: Message) => T | undefined) {
    this.#sequence = sequence;
    this.#operation = operation;
    this.#decode = decode;
  }

  /** What the dump held, once complete; undefined when the table changed while it was read. */
  get items(): T[] | undefined {
    return this.#interrupted ? undefined : this.#items;
  }

  /** Throws, at the end of the dump only so that nothing of it is left in the socket, the kernel's error or that of `decode`. */
  take(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.sequence !== this.#sequence) continue;
      if (message.flags & NLM_F_DUMP_INTR) this.#interrupted = true;
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
        this.complete = true;
        if (this.#failure) throw this.#failure.error;
        const acknowledgement = decodeAcknowledgement(message);
        if (acknowledgement.errno !== 0) throw acknowledgementError(acknowledgement, this.#operation);
        return;
      }
      if (this.#failure) continue;
      try {
        const item = this.#decode(message);
        if (item !== undefined) this.#items.push(item);
      } catch (error) {
        this.#failure = { error };
      }
    }
  }
}
