/** A DNS message that came, and what goes back: the protocol round the zone's answers (RFC 1035, RFC 6891, RFC 7766). Pure. */
import { type Answer, type DecodedPacket, encode, encodingLength, type OptAnswer, type Packet, type Question } from 'dns-packet';
import { decodeMessage } from './decode-message.ts';
import type { Zone } from './zone.ts';
import { type AnswerOptions, answerFrom, type Reply } from './zone-answer.ts';

export type Transport = 'UDP' | 'TCP';

export type Response =
  /** Nothing that one answers. */
  | { kind: 'none' }
  | { kind: 'reply'; message: Buffer; rcode: Rcode }
  /** For others to answer. */
  | { kind: 'forward' };

export interface ResponseOptions extends AnswerOptions {
  transport: Transport;
}

const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
type Rcode = keyof typeof RCODES;

const HEADER = 12;
const FLAG = { answer: 1 << 15, authoritative: 1 << 10, truncated: 1 << 9, recursionDesired: 1 << 8, recursionAvailable: 1 << 7 };
const OPCODE = 0xf << 11;
/** Where an answer is not broken up on its way (DNS flag day 2020), and what a message without EDNS may have. */
const LARGEST_DATAGRAM = 1232;
const SMALLEST_DATAGRAM = 512;
const LARGEST_MESSAGE = 65_535;
/** Of a query: the question, EDNS, a signature, and some that nobody knows yet. */
const MOST_RECORDS = 8;
/** One more EDNS version than we know. */
const BAD_VERSION = 1;
/** Nobody else's business, or for transfers of zones. */
const REFUSED_TYPES: ReadonlySet<string> = new Set(['AXFR', 'IXFR']);

export function respond(message: Buffer, zone: Zone, options: ResponseOptions): Response {
  if (message.length < HEADER) return { kind: 'none' };
  const flags = message.readUInt16BE(2);
  // To answer an answer makes two servers talk to each other for ever.
  if ((flags & FLAG.answer) !== 0) return { kind: 'none' };
  if ((flags & OPCODE) !== 0) return headerAlone(message, 'NOTIMP');
  const query = decodeMessage(message, MOST_RECORDS);
  const [question, ...others] = query?.questions ?? [];
  if (query === undefined || question === undefined || others.length > 0 || !canBeSaid(question)) return headerAlone(message, 'FORMERR');
  if (ednsOf(query)?.ednsVersion) return reply(query, { rcode: 'NOERROR', extendedRcode: BAD_VERSION }, options);
  if (question.class !== 'IN' || REFUSED_TYPES.has(question.type)) return reply(query, { rcode: 'REFUSED' }, options);
  const answer = answerFrom(zone, question, options);
  if (answer === undefined) return { kind: 'forward' };
  return reply(query, { ...answer, isAuthoritative: true }, options);
}

/** For a query that nobody answered. */
export function failure(message: Buffer, rcode: 'SERVFAIL' | 'REFUSED'): Buffer {
  const query = decodeMessage(message, MOST_RECORDS)!;
  return encode(packetOf(query, { rcode }));
}

/**
 * Whether it reads the same when it is said again. A label may hold any bytes (RFC 2181 §11), of which the decoder makes text: bytes that are
 * none grow beyond a label's 63, and a dot in a label may leave an empty one.
 */
function canBeSaid(question: Question): boolean {
  return decodeMessage(encode({ questions: [question] }), MOST_RECORDS)?.questions?.[0]?.name === question.name;
}

/** What it asks cannot be told, so it is not said again. */
function headerAlone(message: Buffer, rcode: 'NOTIMP' | 'FORMERR'): Response {
  const flags = message.readUInt16BE(2) & (OPCODE | FLAG.recursionDesired);
  const answer: Packet = { type: 'response', id: message.readUInt16BE(0), flags: flags | RCODES[rcode] };
  return { kind: 'reply', message: encode(answer), rcode };
}

interface Content extends Partial<Omit<Reply, 'rcode'>> {
  rcode: Rcode;
  extendedRcode?: number;
  isAuthoritative?: boolean;
  isTruncated?: boolean;
}

function reply(query: DecodedPacket, content: Content, { transport }: ResponseOptions): Response {
  const limit = transport === 'TCP' ? LARGEST_MESSAGE : datagramLimit(query);
  const [packet] = [
    () => packetOf(query, content),
    // Addresses beside an answer can be asked for (RFC 2181 §9).
    () => packetOf(query, { ...content, additionals: [] }),
    () => (transport === 'UDP' ? packetOf(query, { ...content, answers: [], additionals: [], isTruncated: true }) : undefined),
    () => packetOf(query, { ...content, answers: fitting(query, content, limit), additionals: [] }),
  ]
    .values()
    .map((make) => make())
    .filter((candidate) => candidate !== undefined && encodingLength(candidate) <= limit)
    .take(1);
  return { kind: 'reply', message: encode(packet!), rcode: content.rcode };
}

function packetOf(query: DecodedPacket, content: Content): Packet {
  const { rcode, extendedRcode, isAuthoritative = false, isTruncated = false, answers = [], authorities = [], additionals = [] } = content;
  const edns = ednsOf(query);
  const own = edns && ({ type: 'OPT', name: '.', udpPayloadSize: LARGEST_DATAGRAM, extendedRcode: extendedRcode ?? 0 } as OptAnswer);
  return {
    type: 'response',
    id: query.id ?? 0,
    flags:
      RCODES[rcode] |
      FLAG.recursionAvailable |
      (query.flag_rd ? FLAG.recursionDesired : 0) |
      (isAuthoritative ? FLAG.authoritative : 0) |
      (isTruncated ? FLAG.truncated : 0),
    questions: query.questions ?? [],
    answers,
    authorities,
    additionals: [...additionals, ...(own ? [own] : [])],
  };
}

/** More than one message can hold are a few of them. */
function fitting(query: DecodedPacket, content: Content, limit: number): Answer[] {
  const answers = content.answers ?? [];
  const [one] = answers;
  const empty = encodingLength(packetOf(query, { ...content, answers: [], additionals: [] }));
  const each = encodingLength(packetOf(query, { ...content, answers: one ? [one] : [], additionals: [] })) - empty;
  return answers.slice(0, Math.floor((limit - empty) / each));
}

function ednsOf({ additionals }: DecodedPacket): OptAnswer | undefined {
  return additionals?.find((record): record is OptAnswer => record.type === 'OPT');
}

function datagramLimit(query: DecodedPacket): number {
  return Math.min(Math.max(ednsOf(query)?.udpPayloadSize ?? 0, SMALLEST_DATAGRAM), LARGEST_DATAGRAM);
}
