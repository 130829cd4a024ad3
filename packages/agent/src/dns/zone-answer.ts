/** What the zone answers to a question. Pure. */
import { canonicalName, familyOf } from '@weir/resources';
import { DNS4, DNS6 } from '@weir/routing';
import type { Answer } from 'dns-packet';
import { addressOfReverseName } from './reverse-name.ts';
import type { Zone } from './zone.ts';
import { DOMAIN } from './zone-entry.ts';

export interface Reply {
  rcode: 'NOERROR' | 'NXDOMAIN';
  answers: Answer[];
  /** The zone's SOA, where there is no answer: how long that may be kept (RFC 2308). */
  authorities: Answer[];
  /** Addresses of what the answers name. */
  additionals: Answer[];
}

export interface AnswerOptions {
  /** Of all records, and of what is not there, in seconds. */
  ttl: number;
  /** From 0 to 1 without it: which of several answers is the first. */
  turn: number;
}

export interface Question {
  name: string;
  type: string;
}

/** The name that the SOA gives the server, and its addresses. */
const SERVER = `ns.${DOMAIN}`;
const SERVER_ADDRESSES = [DNS4, DNS6];

/** @param question name and type as asked. Undefined for what the zone does not answer. */
export function answerFrom(zone: Zone, question: Question, options: AnswerOptions): Reply | undefined {
  const name = canonicalName(question.name);
  const address = addressOfReverseName(name);
  if (address !== undefined) return reverseAnswer(zone, address, question, options);
  if (name !== DOMAIN && !name.endsWith(`.${DOMAIN}`)) return undefined;
  const records = recordsOf(zone, name, question.name, options);
  if (records === undefined) return nothing('NXDOMAIN', DOMAIN, zone, options);
  const answers = records.filter(({ type }) => type === question.type || question.type === 'ANY');
  if (answers.length === 0) return nothing('NOERROR', DOMAIN, zone, options);
  return { rcode: 'NOERROR', answers, authorities: [], additionals: additionalsOf(zone, answers, options) };
}

/** Undefined when there is no such name. */
function recordsOf(zone: Zone, name: string, asked: string, options: AnswerOptions): Answer[] | undefined {
  const { ttl, turn } = options;
  if (name === DOMAIN) return [soa(asked, zone, options), { type: 'NS', name: asked, ttl, data: SERVER }];
  if (name === SERVER) return addressRecords(asked, SERVER_ADDRESSES, ttl);
  const node = zone.find(name);
  if (node === undefined) return undefined;
  return [
    ...addressRecords(asked, inTurn(node.addresses, turn), ttl),
    ...inTurn(node.services, turn).map(
      ({ target, port }): Answer => ({ type: 'SRV', name: asked, ttl, data: { priority: 0, weight: 1, port, target } }),
    ),
  ];
}

function additionalsOf(zone: Zone, answers: readonly Answer[], { ttl }: AnswerOptions): Answer[] {
  const targets = answers.flatMap((answer) => (answer.type === 'SRV' ? answer.data.target : []));
  return [...new Set(targets)].flatMap((target) => addressRecords(target, zone.find(target)?.addresses ?? [], ttl));
}

function reverseAnswer(zone: Zone, address: string, { name, type }: Question, options: AnswerOptions) {
  const owner = zone.nameOf(address);
  if (owner === undefined) return undefined;
  if (type !== 'PTR' && type !== 'ANY') return nothing('NOERROR', name, zone, options);
  const answers: Answer[] = [{ type: 'PTR', name, ttl: options.ttl, data: owner }];
  return { rcode: 'NOERROR' as const, answers, authorities: [], additionals: [] };
}

function nothing(rcode: Reply['rcode'], apex: string, zone: Zone, options: AnswerOptions): Reply {
  return { rcode, answers: [], authorities: [soa(apex, zone, options)], additionals: [] };
}

function soa(name: string, { serial }: Zone, { ttl }: AnswerOptions): Answer {
  const data = { mname: SERVER, rname: `hostmaster.${DOMAIN}`, serial, refresh: 60, retry: 10, expire: 3600, minimum: ttl };
  return { type: 'SOA', name, ttl, data };
}

function addressRecords(name: string, addresses: readonly string[], ttl: number): Answer[] {
  return addresses.map((data) => ({ type: familyOf(data) === 'IPv4' ? 'A' : 'AAAA', name, ttl, data }));
}

function inTurn<T>(all: readonly T[], turn: number): T[] {
  const first = Math.floor(turn * all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}
