/** DNS messages of anybody, read at a cost that their length bounds. Pure. */
import { type DecodedPacket, decode } from 'dns-packet';

const HEADER = 12;
/** Where the header has how many there are of each section (RFC 1035 §4.1.1). */
const COUNTS = [4, 6, 8, 10];
/** A pointer of a name: two bits, then from where in the message the name goes on (§4.1.4). */
const POINTER = 0xc0;
const REACH = 0x4000;
/** Pointers to a pointer. Nobody writes any; thousands in a row, and a thousand names that begin with them, take the decoder a second. */
const MOST_POINTERS = 8;

/** @returns undefined for what is no message, has more records in all than `most`, or was made to be slow to read */
export function decodeMessage(message: Buffer, most: number): DecodedPacket | undefined {
  if (message.length < HEADER || COUNTS.reduce((sum, at) => sum + message.readUInt16BE(at), 0) > most || pointsFar(message))
    return undefined;
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}

/** Whether bytes, wherever they are, would as pointers lead from one to the next for long. */
function pointsFar(message: Buffer): boolean {
  const end = Math.min(message.length - 1, REACH);
  /** From each place, by how many of them. */
  const pointers = new Uint8Array(end + 1);
  for (let at = HEADER; at < end; at += 1) {
    if (message[at]! < POINTER) continue;
    const to = message.readUInt16BE(at) - (POINTER << 8);
    // What points on is an error, which the decoder finds.
    if (to < at) pointers[at] = pointers[to]! + 1;
    if (pointers[at]! > MOST_POINTERS) return true;
  }
  return false;
}
