import { protocolNumber } from '@weir/resources';
import type { MemberSet } from '../membership/member-set.ts';
import type { Membership } from '../membership/membership.ts';
import { getOrCreate } from '../membership/multimap.ts';
import type { Program, ProgramRule } from '../program/program.ts';
import type { PortNumber } from '../program/traffic.ts';
import { type TrafficClass, trafficClass } from '../program/traffic-class.ts';
import type { Criteria, Span } from '../ranges/net-cells.ts';
import type { NetRanges } from '../ranges/net-ranges.ts';

/** A rule's peer criteria, by the numbers that they have in this table. */
interface Condition {
  readonly all: readonly number[];
  readonly none: readonly number[];
}

/** What is known of one peer address. Equal texts mean equal classes. */
interface Signature {
  /** Of the criteria that hold for it, rising. */
  readonly numbers: readonly number[];
  readonly portsByName: ReadonlyMap<string, readonly PortNumber[]>;
  readonly text: string;
}

/** More signatures than a program meets at a time: beyond it the memory of classes starts anew. */
const REMEMBERED_CLASSES = 4096;

const NO_PORTS: ReadonlyMap<string, readonly PortNumber[]> = new Map();

/** What a program lets a peer do, by which of its rules' criteria hold for the peer: each criterion has a number, equal ones have one. */
export class PeerClasses {
  readonly program: Program;
  /** Of addresses that no criterion holds for. Follows from the program alone. */
  readonly defaultClass: TrafficClass;
  readonly #membership: Membership;
  readonly #conditions: Condition[];
  readonly #setNumbers = new Map<MemberSet, number>();
  readonly #netNumbers = new Map<string, { number: number; nets: NetRanges }>();
  readonly #portSets = new Map<string, MemberSet>();
  readonly #classes = new Map<string, TrafficClass>();

  constructor(program: Program, membership: Membership) {
    this.program = program;
    this.#membership = membership;
    this.#conditions = program.rules.map((rule) => this.#condition(rule));
    for (const name of portNames(program.rules)) {
      const set = membership.acquirePortName(name);
      this.#portSets.set(name, set);
      this.#setNumbers.set(set, this.#nextNumber());
    }
    this.defaultClass = this.#classOf({ numbers: [], portsByName: NO_PORTS, text: '' });
  }

  /** The sets that peers are looked for in, each with its number. */
  get sets(): ReadonlyMap<MemberSet, number> {
    return this.#setNumbers;
  }

  /** Whether rules name ports of peers: these differ from one member of a set to the next. */
  get hasPortNames(): boolean {
    return this.#portSets.size > 0;
  }

  /** Where criteria hold by nets. */
  spans(): Span[] {
    const { family } = this.program;
    const spans: Span[] = [];
    for (const { number, nets } of this.#netNumbers.values()) {
      spans.push({ criterion: number, ranges: nets.ranges, size: nets.ranges.length });
    }
    for (const [{ nets }, number] of this.#setNumbers) {
      if (!nets.isEmpty) spans.push({ criterion: number, ranges: nets.ranges(family), size: nets.size(family) });
    }
    return spans;
  }

  /** Gives back what was asked of the membership. */
  release(): void {
    for (const set of this.#portSets.values()) this.#membership.release(set);
  }

  /** Numbers of the sets that hold the address itself; walks whichever is less, the address's sets or the table's. */
  setsAt(address: string): number[] {
    const at = this.#membership.setsAt(address);
    const numbers: number[] = [];
    if (at.size <= this.#setNumbers.size) {
      for (const set of at) {
        const number = this.#setNumbers.get(set);
        if (number !== undefined) numbers.push(number);
      }
    } else {
      for (const [set, number] of this.#setNumbers) if (at.has(set)) numbers.push(number);
    }
    return numbers;
  }

  /** @param sets numbers of those that hold the address itself */
  ofAddress(address: string, sets: readonly number[], byNets: Criteria | undefined): TrafficClass {
    return this.#classOf(this.#signature(address, sets, byNets));
  }

  ofCriteria(criteria: Criteria | undefined): TrafficClass {
    return criteria === undefined ? this.defaultClass : this.#classOf({ ...criteria, portsByName: NO_PORTS });
  }

  ofNumbers(numbers: readonly number[]): TrafficClass {
    if (numbers.length === 0) return this.defaultClass;
    const sorted = numbers.length === 1 ? numbers : numbers.toSorted(rising);
    return this.#classOf({ numbers: sorted, portsByName: NO_PORTS, text: sorted.join(',') });
  }

  #condition({ nets, notNets, within, without }: ProgramRule): Condition {
    const netNumber = (of: NetRanges) => getOrCreate(this.#netNumbers, of.text, () => ({ number: this.#nextNumber(), nets: of })).number;
    const setNumber = (set: MemberSet) => getOrCreate(this.#setNumbers, set, () => this.#nextNumber());
    return {
      all: [...(nets === undefined ? [] : [netNumber(nets)]), ...within.map(setNumber)],
      none: [...(notNets === undefined ? [] : [netNumber(notNets)]), ...without.map(setNumber)],
    };
  }

  #nextNumber(): number {
    return this.#netNumbers.size + this.#setNumbers.size;
  }

  #signature(address: string, sets: readonly number[], byNets: Criteria | undefined): Signature {
    const numbers = (byNets === undefined ? sets : [...new Set([...byNets.numbers, ...sets])]).toSorted(rising);
    const portsByName = this.#portsByName(address);
    const ports = Array.from(portsByName, ([name, at]) => ` ${name}=${at.map(({ protocol, port }) => `${protocol}:${port}`)}`);
    return { numbers, portsByName, text: numbers.join(',') + ports.join('') };
  }

  #portsByName(address: string): ReadonlyMap<string, readonly PortNumber[]> {
    if (this.#portSets.size === 0) return NO_PORTS;
    const found = new Map<string, PortNumber[]>();
    const ports = [...this.#membership.membersAt(address)].flatMap((member) => member.ports);
    for (const name of this.#portSets.keys()) {
      const numbers = ports
        .filter((port) => port.name === name)
        .map(({ protocol, port }) => ({ protocol: protocolNumber(protocol), port }));
      if (numbers.length > 0) found.set(name, numbers);
    }
    return found;
  }

  #classOf({ numbers, portsByName, text }: Signature): TrafficClass {
    return this.#remembered(text, () => {
      const criteria = new Set(numbers);
      const { rules, rest, family, direction } = this.program;
      const ofPeer = rules.filter((_, index) => holds(this.#conditions[index]!, criteria));
      return trafficClass(ofPeer, rest, { family, direction, portsByName: (name) => portsByName.get(name) ?? [] });
    });
  }

  #remembered(text: string, form: () => TrafficClass): TrafficClass {
    const known = this.#classes.get(text);
    if (known !== undefined) return known;
    if (this.#classes.size >= REMEMBERED_CLASSES) this.#classes.clear();
    const formed = form();
    this.#classes.set(text, formed);
    return formed;
  }
}

const rising = (left: number, right: number) => left - right;

function holds({ all, none }: Condition, criteria: ReadonlySet<number>): boolean {
  return all.every((number) => criteria.has(number)) && !none.some((number) => criteria.has(number));
}

function portNames(rules: readonly ProgramRule[]): string[] {
  const names = rules.flatMap(({ traffic }) => [...(traffic.peerPorts?.names ?? []), ...(traffic.peerNotPorts?.names ?? [])]);
  return [...new Set(names)].sort();
}
