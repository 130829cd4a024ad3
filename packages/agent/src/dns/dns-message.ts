/** A DNS message over UDP as it passes (RFC 1035), and what an answer says of names. Pure. */
import { canonicalName, parseAddress } from '@weir/resources';
import type { Packet } from 'dns-packet';
import { decodeMessage } from './decode-message.ts';

export interface DnsMessage {
  isAnswer: boolean;
  /** The end that asks: its address, and with it what an answer has to have in common with the question. */
  client: string;
  exchange: string;
  /** Canonical; what was asked for. */
  name: string;
  /** Of an answer: the names from the one asked for to the one that has addresses (CNAME), … */
  names: readonly string[];
  /** … and these, canonical, each with the lowest TTL on the way to it, in seconds. */
  addresses: readonly { address: string; ttl: number }[];
}

const UDP = 17;
const UDP_HEADER = 8;
const IPV6_HEADER = 40;
const DNS = 53;
const LONGEST_CHAIN = 16;
/** Of a message that names are learnt from: a name has up to 1,024 addresses (`ResolvedNames`). */
const MOST_RECORDS = 1_100;

/** @param packet from its IP header on. Undefined for what is no DNS message with one question, or is cut off. */
export function decodeDnsMessage(packet: Buffer): DnsMessage | undefined {
  const datagram = decodeUdp(packet);
  if (datagram === undefined) return undefined;
  const message = decodeMessage(datagram.payload, MOST_RECORDS);
  const [question, ...others] = message?.questions ?? [];
  if (message === undefined || question === undefined || others.length > 0) return undefined;
  const isAnswer = message.type === 'response';
  const [client, clientPort, serverPort] = isAnswer
    ? [datagram.destination, datagram.destinationPort, datagram.sourcePort]
    : [datagram.source, datagram.sourcePort, datagram.destinationPort];
  if (serverPort !== DNS) return undefined;
  const name = canonicalName(question.name);
  const exchange = [client, clientPort, message.id, question.type, name].join(' ');
  return { isAnswer, client, exchange, name, ...(isAnswer ? resolution(name, message) : { names: [], addresses: [] }) };
}

/** What an answer says of the name that it is asked for, wherever it came by. Undefined for what is none. */
export function decodeAnswer(payload: Buffer): Pick<DnsMessage, 'names' | 'addresses'> | undefined {
  const message = decodeMessage(payload, MOST_RECORDS);
  const [question, ...others] = message?.questions ?? [];
  if (message?.type !== 'response' || question === undefined || others.length > 0) return undefined;
  return resolution(canonicalName(question.name), message);
}

/** Only what the name asked for leads to: an answer may say things of other names too, unasked. */
function resolution(name: string, { answers = [] }: Packet): Pick<DnsMessage, 'names' | 'addresses'> {
  const names = [name];
  let lowest = Number.POSITIVE_INFINITY;
  for (;;) {
    const last = names.at(-1)!;
    const alias = answers.find((record) => record.type === 'CNAME' && canonicalName(record.name) === last);
    if (alias?.type !== 'CNAME') break;
    const target = canonicalName(alias.data);
    if (names.includes(target) || names.length === LONGEST_CHAIN) return { names: [], addresses: [] };
    names.push(target);
    lowest = Math.min(lowest, alias.ttl ?? 0);
  }
  const addresses = answers.flatMap((record) => {
    if ((record.type !== 'A' && record.type !== 'AAAA') || canonicalName(record.name) !== names.at(-1)) return [];
    // An IPv4 address in IPv6's clothes is none of a container's peers.
    if (record.type === 'AAAA' && record.data.includes('.')) return [];
    return [{ address: parseAddress(record.data), ttl: Math.min(lowest, record.ttl ?? 0) }];
  });
  return { names, addresses };
}

interface Datagram {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  payload: Buffer;
}

function decodeUdp(packet: Buffer): Datagram | undefined {
  const version = (packet[0] ?? 0) >> 4;
  const isFour = version === 4 && packet.length >= 20 && packet[9] === UDP;
  if (!isFour && !(version === 6 && packet.length >= IPV6_HEADER && packet[6] === UDP)) return undefined;
  const at = isFour ? (packet[0]! & 0xf) * 4 : IPV6_HEADER;
  if (packet.length < at + UDP_HEADER) return undefined;
  const [first, length] = isFour ? [12, 4] : [8, 16];
  return {
    source: addressText(packet.subarray(first, first + length)),
    destination: addressText(packet.subarray(first + length, first + 2 * length)),
    sourcePort: packet.readUInt16BE(at),
    destinationPort: packet.readUInt16BE(at + 2),
    payload: packet.subarray(at + UDP_HEADER),
  };
}

function addressText(bytes: Buffer): string {
  return bytes.length === 4 ? bytes.join('.') : parseAddress(bytes.toString('hex').match(/.{4}/g)!.join(':'));
}
