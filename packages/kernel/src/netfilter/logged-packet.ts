/** One packet of an NFLOG group as the kernel tells it (linux/netfilter/nfnetlink_log.h), and the headers that begin it. Pure. */

import { formatAddress, type IpVersion } from '../netlink/ip-address.ts';
import { decodeAttributes, decodeString } from '../netlink/message.ts';
import type { FlowTuple } from './conntrack.ts';

const NFULA_PAYLOAD = 9;
const NFULA_PREFIX = 10;
const HEADER_LENGTH = 4; // struct nfgenmsg

const TCP = 6;
const UDP = 17;
const SCTP = 132;
const UDPLITE = 136;
const ICMP = 1;
const ICMPV6 = 58;
const HAVE_PORTS: ReadonlySet<number> = new Set([TCP, UDP, SCTP, UDPLITE]);

/** Extension headers that stand between IPv6's own and the transport's (RFC 8200 §4.1), by next-header number. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const IPV6_HEADER = 40;

export interface LoggedPacket extends Omit<FlowTuple, 'icmpId'> {
  /** What the rule that logged it put in front. */
  prefix: string;
  version: IpVersion;
  /** IP protocol number. */
  protocol: number;
  /** Of the packet with its IP header, in bytes. */
  length: number;
}

/** @param payload of an NFULNL_MSG_PACKET. Undefined for what is no IP packet, or is cut off before its addresses end. */
export function decodeLoggedPacket(payload: Buffer): LoggedPacket | undefined {
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const packet = attributes.get(NFULA_PAYLOAD);
  const headers = packet && decodeHeaders(packet);
  return headers && { prefix: decodeString(attributes.get(NFULA_PREFIX) ?? Buffer.alloc(0)), ...headers };
}

function decodeHeaders(packet: Buffer): Omit<LoggedPacket, 'prefix'> | undefined {
  const version = packet.length === 0 ? 0 : packet[0]! >> 4;
  if (version === 4 && packet.length >= 20) {
    const isFirstFragment = (packet.readUInt16BE(6) & 0x1fff) === 0;
    const protocol = packet[9]!;
    const transport = packet.subarray((packet[0]! & 0xf) * 4);
    return {
      version,
      source: formatAddress(packet.subarray(12, 16)),
      destination: formatAddress(packet.subarray(16, 20)),
      protocol,
      length: packet.readUInt16BE(2),
      ...(isFirstFragment && transportFields(protocol, transport)),
    };
  }
  if (version !== 6 || packet.length < IPV6_HEADER) return undefined;
  const { protocol, transport } = ipv6Transport(packet);
  return {
    version,
    source: formatAddress(packet.subarray(8, 24)),
    destination: formatAddress(packet.subarray(24, 40)),
    protocol,
    length: IPV6_HEADER + packet.readUInt16BE(4),
    ...(transport && transportFields(protocol, transport)),
  };
}

/** `transport` is absent from fragments that are not the first. */
function ipv6Transport(packet: Buffer): { protocol: number; transport?: Buffer } {
  let protocol = packet[6]!;
  let at = IPV6_HEADER;
  while (at + 8 <= packet.length) {
    if (protocol === FRAGMENT) {
      const isFirst = packet.readUInt16BE(at + 2) >> 3 === 0;
      protocol = packet[at]!;
      if (!isFirst) return { protocol };
      at += 8;
    } else if (protocol === HOP_BY_HOP || protocol === ROUTING || protocol === DESTINATION_OPTIONS) {
      protocol = packet[at]!;
      at += (packet[at + 1]! + 1) * 8;
    } else break;
  }
  return { protocol, transport: packet.subarray(at) };
}

function transportFields(protocol: number, transport: Buffer): Partial<FlowTuple> {
  if (HAVE_PORTS.has(protocol) && transport.length >= 4)
    return { sourcePort: transport.readUInt16BE(0), destinationPort: transport.readUInt16BE(2) };
  if ((protocol === ICMP || protocol === ICMPV6) && transport.length >= 2) return { icmpType: transport[0]!, icmpCode: transport[1]! };
  return {};
}
