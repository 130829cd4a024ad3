/**
 * The netlink wire format, pure: nlmsghdr and nlattr (linux/netlink.h), 4 byte alignment, host byte order unless a name says `be`.
 * Node's Linux builds that npm carries (x64, arm64) are little endian, and so is this module.
 */
import { KernelError } from '../error.ts';

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const HEADER_LENGTH = 16;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

export interface Message {
  type: number;
  flags: number;
  sequence: number;
  /** What follows nlmsghdr: the family's header, then attributes. */
  payload: Buffer;
}

/** What the kernel answered to one request: 0 or an errno, its text, and the byte of the request that it complains of. */
export interface Acknowledgement {
  errno: number;
  text: string | undefined;
  offset: number | undefined;
}

/** Attributes by type. Where a type comes twice, the last one stands: use `attributeList` for lists. */
export type Attributes = Map<number, Buffer>;

const align = (length: number): number => (length + 3) & ~3;

/** Splits one datagram in its messages. The payloads share the datagram's memory. Throws on a length that does not fit. */
export function decodeMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + HEADER_LENGTH <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_LENGTH || at + length > datagram.length) {
      throw new RangeError(`a netlink message of ${length} bytes at ${at} does not fit its datagram of ${datagram.length} bytes`);
    }
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + HEADER_LENGTH, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes that start `from` bytes into a payload, in their order. */
export function* attributeList(payload: Buffer, from = 0): Generator<[type: number, value: Buffer]> {
  for (let at = from; at + 4 <= payload.length; ) {
    const length = payload.readUInt16LE(at);
    if (length < 4 || at + length > payload.length)
      throw new RangeError(`a netlink attribute of ${length} bytes at ${at} does not fit in ${payload.length} bytes`);
    yield [payload.readUInt16LE(at + 2) & NLA_TYPE_MASK, payload.subarray(at + 4, at + length)];
    at += align(length);
  }
}

/** Attributes that start `from` bytes into a payload, by type. */
export function decodeAttributes(payload: Buffer, from = 0): Attributes {
  return new Map(attributeList(payload, from));
}

/** A C string: up to its first NUL. */
export function decodeString(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}

/** Reads NLMSG_ERROR, or NLMSG_DONE, whose payload begins with the same negative errno. */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  const { payload, flags, type } = message;
  const errno = payload.length >= 4 ? 0 - payload.readInt32LE(0) : 0;
  if (!(flags & NLM_F_ACK_TLVS)) return { errno, text: undefined, offset: undefined };
  // An error is followed by the header of the request, and by all of the request unless capped.
  let from = 4;
  if (type === NLMSG_ERROR) from += flags & NLM_F_CAPPED ? HEADER_LENGTH : align(payload.readUInt32LE(4));
  const attributes = decodeAttributes(payload, from);
  const text = attributes.get(NLMSGERR_ATTR_MSG);
  return { errno, text: text && decodeString(text), offset: attributes.get(NLMSGERR_ATTR_OFFS)?.readUInt32LE(0) };
}

/** Writes messages one behind the other into memory that grows. */
export class MessageWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 1024) {
    this.#buffer = Buffer.alloc(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written; valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets what was written, and keeps the memory. */
  clear(): void {
    this.#buffer.fill(0, 0, this.#length);
    this.#length = 0;
  }

  /** One message: its header, then what `body` writes. */
  message(type: number, flags: number, sequence: number, body: () => void): void {
    const start = this.reserve(HEADER_LENGTH);
    body();
    this.#buffer.writeUInt32LE(this.#length - start, start);
    this.#buffer.writeUInt16LE(type, start + 4);
    this.#buffer.writeUInt16LE(flags, start + 6);
    this.#buffer.writeUInt32LE(sequence, start + 8);
    this.reserve(align(this.#length) - this.#length);
  }

  /** A fixed structure of zeroes, for `fill` to write its fields. */
  struct(length: number, fill?: (view: Buffer) => void): void {
    const start = this.reserve(align(length));
    fill?.(this.#buffer.subarray(start, start + length));
  }

  /** An attribute whose value is nested attributes, or any bytes that `body` writes. */
  nest(type: number, body: () => void): void {
    const start = this.reserve(4);
    body();
    const length = this.#length - start;
    if (length > 0xffff) throw new RangeError(`a netlink attribute holds at most 65535 bytes, not ${length}`);
    this.#buffer.writeUInt16LE(length, start);
    this.#buffer.writeUInt16LE(type | NLA_F_NESTED, start + 2);
  }

  /** A structure of 8 bytes whose first u16 is the length of itself and what `body` writes: struct rtnexthop. */
  sized(fill: (header: Buffer) => void, body: () => void): void {
    const start = this.#length;
    this.struct(8, fill);
    body();
    this.#buffer.writeUInt16LE(this.#length - start, start);
  }

  /** An attribute that stands for true by being there. */
  flag(type: number): void {
    this.#attribute(type, 0);
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1); // which may put a larger buffer in the old one's place
    this.#buffer.writeUInt8(value, at);
  }

  u16(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16LE(value, at);
  }

  be16(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16BE(value, at);
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
  }

  be32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32BE(value >>> 0, at);
  }

  be64(type: number, value: bigint): void {
    const at = this.#attribute(type, 8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  data(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length);
    this.#buffer.set(value, at);
  }

  /** A string with its NUL. */
  string(type: number, value: string): void {
    const at = this.#attribute(type, Buffer.byteLength(value) + 1);
    this.#buffer.write(value, at, 'utf8');
  }

  /** Room for `length` zero bytes; gives back where they start. */
  reserve(length: number): number {
    const start = this.#length;
    const needed = start + length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
    }
    this.#length = needed;
    return start;
  }

  #attribute(type: number, length: number): number {
    const start = this.reserve(4 + align(length));
    this.#buffer.writeUInt16LE(4 + length, start);
    this.#buffer.writeUInt16LE(type, start + 2);
    return start + 4;
  }
}

/** A request, ready to be numbered and sent. `operation` is for error messages: the command that an operator would type. */
export interface Request {
  operation: string;
  type: number;
  /** Beside NLM_F_REQUEST and NLM_F_ACK, which the socket sets. */
  flags: number;
  write(writer: MessageWriter): void;
}

/** The error that an acknowledgement stands for. */
export function acknowledgementError(acknowledgement: Acknowledgement, operation: string, batchIndex?: number): KernelError {
  return new KernelError(acknowledgement.errno, operation, {
    ...(acknowledgement.text !== undefined && { extendedAck: acknowledgement.text }),
    ...(batchIndex !== undefined && { batchIndex }),
  });
}
