/** DNS messages on a stream: each behind its length, two bytes (RFC 1035 §4.2.2). */
const LENGTH = 2;

export function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(LENGTH + message.length);
  frame.writeUInt16BE(message.length, 0);
  message.copy(frame, LENGTH);
  return frame;
}

/** Ends with the stream; throws its error. What is left of a message that was cut off is dropped. */
export async function* framesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= LENGTH && rest.length >= LENGTH + rest.readUInt16BE(0)) {
      const end = LENGTH + rest.readUInt16BE(0);
      // A copy: whoever has it may write to it.
      yield Buffer.from(rest.subarray(LENGTH, end));
      rest = rest.subarray(end);
    }
  }
}
