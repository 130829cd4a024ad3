import { addressToNumber, type Direction } from '@weir/resources';
import { DNS_PACE } from '../endpoint/dns-clients.ts';
import { IPV4_ETHER_TYPE, type Match, type RuleExpression } from '../statements/rule.ts';
import type { ElementStatement, Statement } from '../statements/statement.ts';
import { intervalElements } from '../statements/table-text.ts';
import { DENIED, verdictText } from '../statements/verdict.ts';
import { type Packet, packetFamily } from './packet.ts';

const BASE_CHAINS = ['denied', 'no_backend', DNS_PACE];
const DENY = verdictText(DENIED);

/**
 * A small nftables: walks a packet through the statements, from an interface's element in the dispatch map to a verdict. It reads the
 * rules as the kernel gets them, and knows only the fields that the package writes: others are an error.
 */
export class TableWalk {
  readonly #statements: ReadonlyMap<string, Statement>;
  readonly #sets = new Map<string, ElementStatement[]>();

  constructor(statements: ReadonlyMap<string, Statement>) {
    this.#statements = statements;
    for (const statement of statements.values()) {
      if (statement.kind === 'intervals') this.#sets.set(statement.set, intervalElements(statement));
      if (statement.kind !== 'element') continue;
      const elements = this.#sets.get(statement.set);
      if (elements === undefined) this.#sets.set(statement.set, [statement]);
      else elements.push(statement);
    }
  }

  verdict(interfaceName: string, direction: Direction, packet: Packet): { verdict: 'Allow' | 'Deny'; logged: string[] } {
    return this.#follow(this.#lookUp(direction === 'Ingress' ? 'to_endpoint' : 'from_endpoint', interfaceName) ?? DENY, packet);
  }

  /** As the chain of a hook at an interface of the host itself. */
  hostVerdict(
    map: 'to_host' | 'from_host' | 'forward_in' | 'forward_out',
    interfaceName: string,
    packet: Packet,
  ): { verdict: 'Allow' | 'Deny'; logged: string[] } {
    const etherType = packetFamily(packet) === 'IPv4' ? IPV4_ETHER_TYPE : IPV6_ETHER_TYPE;
    return this.#follow(this.#lookUp(map, interfaceName) ?? this.#lookUp(`any_${map}`, etherType) ?? 'return', packet);
  }

  #follow(entry: string, packet: Packet): { verdict: 'Allow' | 'Deny'; logged: string[] } {
    const logged: string[] = [];
    let verdict = entry;
    for (let steps = 0; verdict !== 'return' && verdict !== 'drop' && verdict !== DENY; steps += 1) {
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
      for (const expression of statement.rules.flatMap(({ expressions }) => expressions)) {
        if (expression.kind === 'verdict' && 'chain' in expression.verdict) named.add(`chain/${expression.verdict.chain}`);
        if (expression.kind === 'member') named.add(`map/${expression.set}`);
        if (expression.kind !== 'vmap') continue;
        if (typeof expression.map === 'string') named.add(`map/${expression.map}`);
        else for (const { verdict } of expression.map) if ('chain' in verdict) named.add(`chain/${verdict.chain}`);
      }
    }
    for (const chain of BASE_CHAINS) named.delete(`chain/${chain}`);
    for (const key of named) if (!this.#statements.has(key)) throw new Error(`${key} is named and not there`);
    for (const [key, { kind }] of this.#statements)
      if (kind !== 'element' && kind !== 'intervals' && !named.has(key)) throw new Error(`${key} is there and not named`);
  }

  #run(chainName: string, packet: Packet, logged: string[]): string {
    const chain = this.#statements.get(`chain/${chainName}`);
    if (chain?.kind !== 'chain') throw new Error(`no chain ${chainName}`);
    for (const { expressions } of chain.rules) {
      const outcome = this.#rule(expressions, packet, logged);
      if (outcome !== undefined) return outcome;
    }
    return 'return';
  }

  /** The verdict of a rule; undefined if it does not match, or only logs. */
  #rule(expressions: readonly RuleExpression[], packet: Packet, logged: string[]): string | undefined {
    for (const expression of expressions) {
      switch (expression.kind) {
        case 'match':
          if (!isMatch(expression, packet)) return undefined;
          break;
        case 'member':
          if (!this.#isMember(expression, packet)) return undefined;
          break;
        case 'log':
          logged.push(expression.prefix);
          break;
        case 'verdict':
          return verdictText(expression.verdict);
        case 'vmap': {
          const found = this.#vmap(expression, packet);
          if (found !== undefined) return found;
        }
      }
    }
    return undefined;
  }

  #isMember({ field, set }: Extract<RuleExpression, { kind: 'member' }>, packet: Packet): boolean {
    if (field.startsWith('ip6') !== (packetFamily(packet) === 'IPv6')) return false;
    const address = field.endsWith('saddr') ? packet.source : packet.destination;
    return (this.#sets.get(set) ?? []).some((element) => holds(element, address));
  }

  #vmap({ field, map }: Extract<RuleExpression, { kind: 'vmap' }>, packet: Packet): string | undefined {
    if (field.startsWith('ip6') !== (packetFamily(packet) === 'IPv6')) return undefined;
    const address = field.endsWith('saddr') ? packet.source : packet.destination;
    if (typeof map === 'string') return this.#lookUp(map, address);
    const verdict = map.find((member) => member.address === address)?.verdict;
    return verdict && verdictText(verdict);
  }

  #lookUp(set: string, key: string | number): string | undefined {
    const found = (this.#sets.get(set) ?? []).filter((element) => holds(element, key));
    if (found.length > 1) throw new Error(`${set} has ${key} more than once`);
    const verdict = found[0]?.verdict;
    return verdict && verdictText(verdict);
  }
}

function holds({ key, to }: ElementStatement, value: string | number): boolean {
  if (to === undefined || typeof value === 'number') return key[0]!.value === value;
  const number = addressToNumber(value);
  return addressToNumber(String(key[0]!.value)) <= number && number <= addressToNumber(String(to[0]!.value));
}

const IPV6_ETHER_TYPE = 0x86dd;
const PORTS = ['tcp', 'udp', 'sctp', 'udplite'];
const NUMBERS: Record<string, number> = { tcp: 6, udp: 17, sctp: 132, udplite: 136, icmp: 1, icmpv6: 58 };

/** A header's field; undefined if the packet has no such header. */
function fieldOf(field: string, packet: Packet): number | undefined {
  if (field === 'meta l4proto') return packet.protocol;
  if (field === 'meta protocol') return packetFamily(packet) === 'IPv4' ? IPV4_ETHER_TYPE : IPV6_ETHER_TYPE;
  const [header, name] = field.split(' ') as [string, string];
  if (NUMBERS[header] === undefined) throw new Error(`unknown field ${field}`);
  if (packet.protocol !== NUMBERS[header]) return undefined;
  if (PORTS.includes(header)) return name === 'sport' ? packet.sourcePort : packet.destinationPort;
  if ((header === 'icmp') !== (packetFamily(packet) === 'IPv4')) return undefined;
  return name === 'type' ? packet.icmpType : packet.icmpCode;
}

function isMatch({ fields, not, members }: Match, packet: Packet): boolean {
  const values = fields.map((field) => fieldOf(field, packet));
  if (values.includes(undefined)) return false;
  const isIn = members.some((ranges) => ranges.every(([first, last], index) => first <= values[index]! && values[index]! <= last));
  return isIn === (not === undefined);
}
