/** Packets as bytes on a wire, each with a number that tells it from others where it arrives. */
import { addressToNumber, familyOf } from '@weir/resources';

/** The fields that policy looks at. */
export interface PacketFields {
  source: string;
  destination: string;
  protocol: number;
  sourcePort?: number;
  destinationPort?: number;
  icmpType?: number;
  icmpCode?: number;
}

const MAGIC = Buffer.from([0x77, 0x65, 0x69, 0x72]);
const [TCP, SCTP, UDPLITE] = [6, 132, 136];
const PORT_PROTOCOLS = [6, 17, 132, 136];
const ICMP_PROTOCOLS = [1, 58];

/** An Ethernet frame. Sums over payloads are left 0: who checks them has to be told not to. */
export function frameOf(packet: PacketFields, number: number, macs: { from: string; to: string }): Buffer {
  return Buffer.concat([ethernet(macs, packet.source), packetOf(packet, number)]);
}

/** What is in the frame: from the IP header on. */
export function packetOf(packet: PacketFields, number: number): Buffer {
  const payload = payloadOf(packet, number);
  const header = familyOf(packet.source) === 'IPv4' ? ipv4Header : ipv6Header;
  return Buffer.concat([header(packet, payload.length), payload]);
}

/** Says that a packet did not get on, for its length: ICMP type 3 code 4 (RFC 792, RFC 1191), ICMPv6 type 2 (RFC 4443 §3.2). */
export function tooBigFrame(
  { source, destination, about, mtu }: { source: string; destination: string; about: Buffer; mtu: number },
  macs: { from: string; to: string },
): Buffer {
  const isIpv4 = familyOf(source) === 'IPv4';
  const message = Buffer.alloc(8 + about.length);
  message.writeUInt16BE(isIpv4 ? 0x0304 : 0x0200);
  message.writeUInt32BE(mtu, 4);
  about.copy(message, 8);
  const sum = checksum(
    isIpv4 ? message : Buffer.concat([bytesOf(source), bytesOf(destination), numberBytes(message.length), numberBytes(58), message]),
  );
  message.writeUInt16BE(sum, 2);
  const header = isIpv4 ? ipv4Header : ipv6Header;
  return Buffer.concat([ethernet(macs, source), header({ source, destination, protocol: isIpv4 ? 1 : 58 }, message.length), message]);
}

/** A frame as hosts put it into VXLAN, of an IPv4 packet between two of them (RFC 7348 §5). */
export function tunnelledFrame(
  { source, destination, port, vni, inner }: { source: string; destination: string; port: number; vni: number; inner: Buffer },
  macs: { from: string; to: string },
): Buffer {
  const headers = Buffer.alloc(16);
  headers.writeUInt16BE(5000, 0);
  headers.writeUInt16BE(port, 2);
  headers.writeUInt16BE(headers.length + inner.length, 4);
  headers[8] = 0x08;
  headers.writeUInt32BE(vni << 8, 12);
  const payload = Buffer.concat([headers, inner]);
  return Buffer.concat([ethernet(macs, source), ipv4Header({ source, destination, protocol: 17 }, payload.length), payload]);
}

/** The number that a frame was made with; undefined for other people's. */
export function numberOf(frame: Buffer): number | undefined {
  const at = frame.indexOf(MAGIC);
  return at === -1 ? undefined : frame.readUInt32BE(at + MAGIC.length);
}

function payloadOf({ protocol, sourcePort = 0, destinationPort = 0, icmpType = 0, icmpCode = 0 }: PacketFields, number: number): Buffer {
  const mark = Buffer.alloc(8);
  MAGIC.copy(mark);
  mark.writeUInt32BE(number, MAGIC.length);
  if (ICMP_PROTOCOLS.includes(protocol)) return Buffer.concat([Buffer.from([icmpType, icmpCode, 0, 0, 0, 0, 0, 0]), mark]);
  if (!PORT_PROTOCOLS.includes(protocol)) return Buffer.concat([Buffer.alloc(4), mark]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  if (protocol === TCP) {
    // Sequence numbers, a header of five words, SYN, a window (RFC 9293 §3.1).
    const rest = Buffer.alloc(16);
    rest[8] = 5 << 4;
    rest[9] = 0x02;
    rest.writeUInt16BE(65535, 10);
    return Buffer.concat([ports, rest, mark]);
  }
  // Verification tag 0 and checksum, then a chunk INIT of 20 bytes: the mark as tag and window, one stream each way (RFC 9260 §3.3.2).
  if (protocol === SCTP)
    return Buffer.concat([ports, Buffer.alloc(8), Buffer.from([1, 0, 0, 20]), mark, Buffer.from([0, 1, 0, 1, 0, 0, 0, 1])]);
  // Length, or how much the checksum covers; UDPLite has no packet without a checksum (RFC 3828 §3.1).
  const rest = Buffer.alloc(4);
  rest.writeUInt16BE(16);
  if (protocol === UDPLITE) rest.writeUInt16BE(0xffff, 2);
  return Buffer.concat([ports, rest, mark]);
}

function ipv4Header({ source, destination, protocol }: PacketFields, payloadLength: number): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payloadLength, 2);
  header[8] = 64;
  header[9] = protocol;
  header.writeUInt32BE(Number(addressToNumber(source)), 12);
  header.writeUInt32BE(Number(addressToNumber(destination)), 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

/** RFC 1071. @param bytes an even number of them */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return 0xffff - sum;
}

function ipv6Header({ source, destination, protocol }: PacketFields, payloadLength: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x60;
  header.writeUInt16BE(payloadLength, 4);
  header[6] = protocol;
  header[7] = 64;
  return Buffer.concat([header, bytesOf(source), bytesOf(destination)]);
}

function bytesOf(address: string): Buffer {
  return Buffer.from(addressToNumber(address).toString(16).padStart(32, '0'), 'hex');
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function ethernet(macs: { from: string; to: string }, address: string): Buffer {
  return Buffer.concat([mac(macs.to), mac(macs.from), Buffer.from(familyOf(address) === 'IPv4' ? [0x08, 0x00] : [0x86, 0xdd])]);
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}
