import { addressToNumber, type Direction } from '@weir/resources';
import type { ElementStatement, Statement } from '../statement.ts';
import { type Packet, packetFamily } from './packet.ts';

/**
 * A small nftables: walks a packet through the statements, from an interface's element in the dispatch map to a verdict. It reads the
 * rules' text, so what is tested is what the kernel gets, and knows only the forms that the package writes: others are an error.
 */
export class TableWalk {
  readonly #statements: ReadonlyMap<string, Statement>;
  readonly #sets = new Map<string, ElementStatement[]>();

  constructor(statements: ReadonlyMap<string, Statement>) {
    this.#statements = statements;
    for (const statement of statements.values()) {
      if (statement.kind !== 'element') continue;
      const elements = this.#sets.get(statement.set);
      if (elements === undefined) this.#sets.set(statement.set, [statement]);
      else elements.push(statement);
    }
  }

  verdict(interfaceName: string, direction: Direction, packet: Packet): { verdict: 'Allow' | 'Deny'; logged: string[] } {
    const logged: string[] = [];
    const entry = this.#lookUp(direction === 'Ingress' ? 'to_endpoint' : 'from_endpoint', interfaceName);
    let verdict = entry === undefined ? 'drop' : entry;
    for (let steps = 0; verdict !== 'return' && verdict !== 'drop'; steps += 1) {
      if (steps > 10) throw new Error(`loop at ${verdict}`);
      verdict = this.#run(verdict.replace(/^goto /, ''), packet, logged);
    }
    return { verdict: verdict === 'return' ? 'Allow' : 'Deny', logged };
  }

  /** Whatever a statement names has to be there, and every chain and map has to be named by something. */
  assertWhole(): void {
    const named = new Set<string>();
    for (const statement of this.#statements.values()) {
      if (statement.kind === 'element' && statement.verdict && 'chain' in statement.verdict) named.add(`chain/${statement.verdict.chain}`);
      if (statement.kind !== 'chain') continue;
      for (const rule of statement.rules) {
        for (const [, chain] of rule.matchAll(/goto (\w+)/g)) named.add(`chain/${chain}`);
        for (const [, map] of rule.matchAll(/@(\w+)/g)) named.add(`map/${map}`);
      }
    }
    for (const key of named) if (!this.#statements.has(key)) throw new Error(`${key} is named and not there`);
    for (const [key, { kind }] of this.#statements)
      if (kind !== 'element' && !named.has(key)) throw new Error(`${key} is there and not named`);
  }

  #run(chainName: string, packet: Packet, logged: string[]): string {
    const chain = this.#statements.get(`chain/${chainName}`);
    if (chain?.kind !== 'chain') throw new Error(`no chain ${chainName}`);
    for (const rule of chain.rules) {
      const outcome = this.#rule(rule.replace(/ comment "[^"]*"$/, ''), packet);
      if (outcome === undefined) continue;
      const [, prefix] = /^log prefix "([^"]*)"$/.exec(outcome) ?? [];
      if (prefix === undefined) return outcome;
      logged.push(prefix);
    }
    return 'return';
  }

  /** What a rule does with a packet: a verdict, a log statement, or undefined if it does not match. */
  #rule(rule: string, packet: Packet): string | undefined {
    const byAddress = /^(ip6?) ([sd])addr vmap (.*)$/.exec(rule);
    if (byAddress !== null) {
      const [, family, end, target] = byAddress;
      if ((family === 'ip') !== (packetFamily(packet) === 'IPv4')) return undefined;
      return this.#vmap(target!, end === 's' ? packet.source : packet.destination);
    }
    const byFamily = /^meta nfproto ipv4 (.*)$/.exec(rule);
    if (byFamily !== null) return packetFamily(packet) === 'IPv4' ? byFamily[1] : undefined;
    const matching = /^(.*?) (!= )?\{ (.*) \} (.*)$/.exec(rule);
    if (matching === null) return rule;
    const [, fields, negation, members, statement] = matching;
    const values = fields!.split(' . ').map((field) => fieldOf(field, packet));
    if (values.includes(undefined)) return undefined;
    const isIn = members!.split(', ').some((member) => member.split(' . ').every((range, index) => isWithin(values[index]!, range)));
    return isIn === (negation === undefined) ? statement : undefined;
  }

  #vmap(target: string, address: string): string | undefined {
    if (target.startsWith('@')) return this.#lookUp(target.slice(1), address);
    const members = target.slice(2, -2).split(', ');
    return members.map((member) => member.split(' : ')).find(([key]) => key === address)?.[1];
  }

  #lookUp(set: string, key: string): string | undefined {
    const found = (this.#sets.get(set) ?? []).filter((element) => holds(element, key));
    if (found.length > 1) throw new Error(`${set} has ${key} more than once`);
    const verdict = found[0]?.verdict;
    return verdict && ('chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind);
  }
}

function holds({ key, to }: ElementStatement, value: string): boolean {
  if (to === undefined) return key[0]!.value === value;
  const number = addressToNumber(value);
  return addressToNumber(String(key[0]!.value)) <= number && number <= addressToNumber(String(to[0]!.value));
}

const PORTS = ['tcp', 'udp', 'sctp', 'udplite'];
const NUMBERS: Record<string, number> = { tcp: 6, udp: 17, sctp: 132, udplite: 136, icmp: 1, icmpv6: 58 };

/** A header's field; undefined if the packet has no such header. */
function fieldOf(field: string, packet: Packet): number | undefined {
  if (field === 'meta l4proto') return packet.protocol;
  const [header, name] = field.split(' ') as [string, string];
  if (NUMBERS[header] === undefined) throw new Error(`unknown field ${field}`);
  if (packet.protocol !== NUMBERS[header]) return undefined;
  if (PORTS.includes(header)) return name === 'sport' ? packet.sourcePort : packet.destinationPort;
  if ((header === 'icmp') !== (packetFamily(packet) === 'IPv4')) return undefined;
  return name === 'type' ? packet.icmpType : packet.icmpCode;
}

function isWithin(value: number, range: string): boolean {
  const [first, last = first] = range.split('-').map(Number);
  return first! <= value && value <= last!;
}
