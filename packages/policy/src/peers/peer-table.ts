import { protocolNumber } from '@weir/resources';
import type { MemberSet, Membership } from '../membership/membership.ts';
import { getOrCreate } from '../membership/multimap.ts';
import type { Program, ProgramRule } from '../program/program.ts';
import type { PortNumber } from '../program/traffic.ts';
import { narrows, type TrafficClass, trafficClass } from '../program/traffic-class.ts';
import { addressNumber } from '../ranges/canonical-address.ts';
import { type Criteria, NetCells, type Span } from '../ranges/net-cells.ts';
import { type AddressRange, type NetRanges, WHOLE } from '../ranges/net-ranges.ts';
import type { Stretch } from '../ranges/range-map.ts';
import { addressType, type KeyField, type MapStatement, statementKey } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';
import { sameVerdict } from '../statements/verdict.ts';
import { type ByManyPeers, byManyPeers, type Candidate, isLookedUp, largestSets, peerField, type SizedSet } from './many-peers.ts';
import { type NetInterval, NetMap } from './net-map.ts';
import { type PeerSet, type PeerSets, peerSetName } from './peer-sets.ts';

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

/** So many ranges at once, as a share of the cells, cost less as a whole than one by one. */
const MANY = { atLeast: 64, share: 1 / 8 };

const NO_PORTS: ReadonlyMap<string, readonly PortNumber[]> = new Map();

/**
 * One program by peer: which class each address of its family has. As nftables maps: one of single addresses, one of intervals, each
 * holding only what differs from what the packet would meet after it, and the class of everybody else.
 *
 * An address that a rule's selectors single out costs one element at most; nets are cut into disjoint intervals. The members of the few
 * largest sets are in none of these maps: the sets themselves are in the table, and behind the maps a packet is looked up in them.
 */
export class PeerTable {
  readonly program: Program;
  /** Class of addresses that no criterion holds for. Follows from the program alone. */
  readonly defaultClass: TrafficClass;
  /** The maps, as far as the program needs them; their names follow from the program's. */
  readonly addressMap: MapStatement | undefined;
  readonly nets: NetMap;
  /** What follows on the maps. It changes seldom: when a set becomes one of the largest. */
  many: ByManyPeers;

  readonly #membership: Membership;
  readonly #table: Table;
  readonly #structure: SharedStructure;
  readonly #peerSets: PeerSets;
  readonly #manyPeers: number;
  readonly #conditions: Condition[];
  readonly #setNumbers = new Map<MemberSet, number>();
  readonly #netNumbers = new Map<string, { number: number; nets: NetRanges }>();
  readonly #portSets = new Map<string, MemberSet>();
  readonly #classes = new Map<string, TrafficClass>();
  readonly #elements = new Map<string, TrafficClass>();
  #cells = new NetCells();
  /** The largest sets; those of them that make a difference are looked up. */
  #largest: readonly Candidate[] = [];
  #lookedUp: { number: number; peers: PeerSet }[] = [];
  #manyClasses: TrafficClass[] = [];
  /** Classes of addresses that are in these sets and nothing else, by a bit for each set. */
  #behind: TrafficClass[] = [];
  /** The last two classes that were compared. */
  #compared: { was: TrafficClass; now: TrafficClass; narrows: boolean } | undefined;

  constructor(
    program: Program,
    context: {
      membership: Membership;
      table: Table;
      structure: SharedStructure;
      peerSets: PeerSets;
      manyPeers: number;
      netsPerSet: number;
    },
  ) {
    this.program = program;
    this.#membership = context.membership;
    this.#table = context.table;
    this.#structure = context.structure;
    this.#peerSets = context.peerSets;
    this.#manyPeers = context.manyPeers;
    this.#conditions = program.rules.map((rule) => this.#condition(rule));
    for (const name of portNames(program.rules)) {
      const set = this.#membership.acquirePortName(name);
      this.#portSets.set(name, set);
      this.#setNumbers.set(set, this.#nextNumber());
    }
    this.addressMap =
      this.#setNumbers.size === 0
        ? undefined
        : { kind: 'map', name: `p_${program.name}_a`, type: `${addressType(program.family)} : verdict`, interval: false };
    this.defaultClass = this.#classOf({ numbers: [], portsByName: NO_PORTS, text: '' });
    if (this.addressMap !== undefined) this.#structure.retain(this.addressMap);
    this.#retain(this.defaultClass);
    this.many = this.#chooseLargest(this.#wantedLargest());
    this.nets = new NetMap(
      {
        name: program.name,
        family: program.family,
        field: peerField(program.direction, program.family),
        table: context.table,
        structure: context.structure,
        many: context.manyPeers,
        netsPerSet: context.netsPerSet,
      },
      this.many,
    );
    this.#refreshAllNets();
  }

  /** The sets whose changes concern this table. */
  sets(): Iterable<MemberSet> {
    return this.#setNumbers.keys();
  }

  /** Takes everything of it out of the nftables table. */
  remove(): void {
    for (const address of [...this.#elements.keys()]) this.#setElement(address, undefined);
    this.nets.replaceAll([]);
    if (this.addressMap !== undefined) this.#structure.release(this.addressMap);
    this.#release(this.defaultClass);
    this.#releaseLargest(this.#lookedUp, this.#manyClasses);
    for (const set of this.#portSets.values()) this.#membership.release(set);
  }

  /**
   * Brings addresses up to date after their membership or ports have changed.
   *
   * @returns whether one of them may do less than before
   */
  refreshAddresses(changed: ReadonlySet<string>): boolean {
    const wanted = this.#wantedLargest();
    const isSame = wanted.length === this.#largest.length && wanted.every(({ set }, index) => set === this.#largest[index]!.set);
    if (!isSame) return this.#reshape(wanted, changed);
    let narrowed = false;
    for (const address of changed) narrowed = this.#refreshAddress(address) || narrowed;
    return narrowed;
  }

  #refreshAddress(address: string, before?: TrafficClass): boolean {
    const criteria = this.#criteriaAt(address);
    const byNet = this.#classOfCriteria(criteria);
    const was = before ?? this.#elements.get(address) ?? this.#classBehind(byNet, this.#presentIn(address));
    const sets = this.#setsAt(address);
    const base = this.#classBehind(byNet, this.#lookedUpAmong(sets));
    const now = this.#classNow(address, { sets, criteria, byNet, base });
    this.#setElement(address, sameVerdict(now.verdict, base.verdict) ? undefined : now);
    return !sameVerdict(was.verdict, now.verdict) && this.#narrows(was, now);
  }

  /** @param of.base what the packet would meet if the map of single addresses did not have its address */
  #classNow(
    address: string,
    { sets, criteria, byNet, base }: { sets: readonly number[]; criteria: Criteria | undefined; byNet: TrafficClass; base: TrafficClass },
  ): TrafficClass {
    if (sets.length === 0) return byNet;
    // Of most members of large sets nothing else is said.
    if (criteria === undefined && sets.every((number) => this.#lookedUp.some((one) => one.number === number))) return base;
    return this.#classOf(this.#signature(address, sets, criteria));
  }

  /** Those who enter or leave a set together mostly had one class, and have one. */
  #narrows(was: TrafficClass, now: TrafficClass): boolean {
    if (this.#compared?.was !== was || this.#compared.now !== now) this.#compared = { was, now, narrows: narrows(was, now) };
    return this.#compared.narrows;
  }

  /** Looks peers up in other sets than before: what was in one of them by itself may need an element now, and the other way round. */
  #reshape(wanted: readonly SizedSet[], changed: ReadonlySet<string>): boolean {
    const affected = new Set([...changed, ...this.#elements.keys()]);
    const [old, now] = [this.#largest, wanted].map((candidates) => new Set(candidates.map(({ set }) => set))) as [
      Set<MemberSet>,
      Set<MemberSet>,
    ];
    for (const set of old.symmetricDifference(now)) for (const address of set.addresses[this.program.family].keys()) affected.add(address);
    const before = new Map(Array.from(affected, (address) => [address, this.classAt(address)]));
    this.many = this.#chooseLargest(wanted);
    this.nets.leadTo(this.many);
    let narrowed = false;
    for (const [address, was] of before) narrowed = this.#refreshAddress(address, was) || narrowed;
    return narrowed;
  }

  /** None where peers' ports are looked at: these differ from one member to the next. */
  #wantedLargest(): SizedSet[] {
    return this.#portSets.size > 0 ? [] : largestSets(this.#setNumbers.keys(), this.program.family, this.#manyPeers);
  }

  #chooseLargest(largest: readonly SizedSet[]): ByManyPeers {
    const { direction, family } = this.program;
    const wanted = largest.map(({ set }): Candidate => ({ set, number: this.#setNumbers.get(set)!, name: peerSetName(set, family) }));
    const [lookedUp, classesBefore] = [this.#lookedUp, this.#manyClasses];
    const classes = new Set<TrafficClass>();
    const many = byManyPeers(wanted, peerField(direction, family), (numbers) => {
      const found = this.#classOfNumbers(numbers);
      classes.add(found);
      return found.verdict;
    });
    this.#largest = wanted;
    this.#lookedUp = wanted
      .filter(({ name }) => isLookedUp(many, name))
      .map(({ set, number }) => ({ number, peers: this.#peerSets.acquire(set, family) }));
    this.#behind = [];
    this.#manyClasses = [...classes];
    for (const found of this.#manyClasses) this.#retain(found);
    this.#releaseLargest(lookedUp, classesBefore);
    return many;
  }

  #releaseLargest(lookedUp: readonly { peers: PeerSet }[], classes: readonly TrafficClass[]): void {
    for (const { peers } of lookedUp) this.#peerSets.release(peers, this.program.family);
    for (const found of classes) this.#release(found);
  }

  /**
   * Brings everything up to date after nets of sets have changed.
   *
   * @param changed for each set, what its changes are within
   * @returns whether some address may do less than before; said too often rather than not often enough
   */
  refreshNets(changed: ReadonlyMap<MemberSet, readonly AddressRange[]>): boolean {
    const count = [...changed.values()].reduce((sum, ranges) => sum + ranges.length, 0);
    if (count >= MANY.atLeast && count > this.#cells.size * MANY.share) return this.#refreshAllNets();
    let narrowed = false;
    for (const [set, ranges] of changed) {
      for (const range of ranges) narrowed = this.#refreshRange(set, range) || narrowed;
    }
    return narrowed;
  }

  #refreshRange(set: MemberSet, range: AddressRange): boolean {
    const { family } = this.program;
    const around = this.#withNeighbours(range);
    const before = this.#intervalsWithin(around);
    this.#cells.mark(this.#setNumbers.get(set)!, range, set.nets.ranges(family, range));
    let narrowed = this.nets.replace(before, this.#intervalsWithin(around));
    if (this.addressMap === undefined) return narrowed;
    for (const address of this.#membership.addressesWithin(family, range)) narrowed = this.#refreshAddress(address) || narrowed;
    return narrowed;
  }

  #refreshAllNets(): boolean {
    const { family } = this.program;
    const spans: Span[] = [];
    for (const { number, nets } of this.#netNumbers.values()) {
      spans.push({ criterion: number, ranges: nets.ranges, size: nets.ranges.length });
    }
    for (const [{ nets }, number] of this.#setNumbers) {
      if (!nets.isEmpty) spans.push({ criterion: number, ranges: nets.ranges(family), size: nets.size(family) });
    }
    this.#cells = new NetCells(spans);
    let narrowed = this.nets.replaceAll(this.#intervalsWithin(WHOLE[family]));
    for (const address of this.#singledOut()) narrowed = this.#refreshAddress(address) || narrowed;
    return narrowed;
  }

  /** Addresses that have an element or may need one. */
  #singledOut(): Set<string> {
    const { family } = this.program;
    const found = new Set(this.#elements.keys());
    const largest = new Set(this.#largest.map(({ set }) => set));
    for (const set of this.#setNumbers.keys()) {
      if (!largest.has(set)) for (const address of set.addresses[family].keys()) found.add(address);
    }
    // The members of a large set are there as that, unless something else is said of them, too.
    if (largest.size === 0) return found;
    for (const cell of this.#cells.within(WHOLE[family]))
      for (const address of this.#membership.addressesWithin(family, cell)) found.add(address);
    return found;
  }

  /** The class that the maps lead a packet of the address to. */
  classAt(address: string): TrafficClass {
    const byNet = () => this.#classOfCriteria(this.#criteriaAt(address));
    return this.#elements.get(address) ?? this.#classBehind(byNet(), this.#presentIn(address));
  }

  /**
   * What a packet meets if the map of single addresses does not have its address.
   *
   * @param lookedUp in which of the sets it is then found: a bit for each
   */
  #classBehind(byNet: TrafficClass, lookedUp: number): TrafficClass {
    if (this.#lookedUp.length === 0 || !sameVerdict(byNet.verdict, this.defaultClass.verdict)) return byNet;
    this.#behind[lookedUp] ??= this.#classOfNumbers(this.#lookedUp.flatMap(({ number }, at) => ((lookedUp >> at) & 1 ? [number] : [])));
    return this.#behind[lookedUp];
  }

  /** Of the sets that are looked up, those which have the address in the table. */
  #presentIn(address: string): number {
    let found = 0;
    for (let at = 0; at < this.#lookedUp.length; at += 1) if (this.#lookedUp[at]!.peers.present.has(address)) found |= 1 << at;
    return found;
  }

  /** Of the sets that are looked up, those of these numbers. */
  #lookedUpAmong(numbers: readonly number[]): number {
    let found = 0;
    for (let at = 0; at < this.#lookedUp.length; at += 1) if (numbers.includes(this.#lookedUp[at]!.number)) found |= 1 << at;
    return found;
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

  /** Numbers of the sets that hold the address itself; walks whichever is less, the address's sets or the table's. */
  #setsAt(address: string): number[] {
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

  #classOfCriteria(criteria: Criteria | undefined): TrafficClass {
    return criteria === undefined ? this.defaultClass : this.#classOf({ ...criteria, portsByName: NO_PORTS });
  }

  #classOfNumbers(numbers: readonly number[]): TrafficClass {
    if (numbers.length === 0) return this.defaultClass;
    const sorted = numbers.length === 1 ? numbers : numbers.toSorted(rising);
    return this.#classOf({ numbers: sorted, portsByName: NO_PORTS, text: sorted.join(',') });
  }

  #remembered(text: string, form: () => TrafficClass): TrafficClass {
    const known = this.#classes.get(text);
    if (known !== undefined) return known;
    if (this.#classes.size >= REMEMBERED_CLASSES) this.#classes.clear();
    const formed = form();
    this.#classes.set(text, formed);
    return formed;
  }

  #criteriaAt(address: string): Criteria | undefined {
    return this.#cells.size === 0 ? undefined : this.#cells.at(addressNumber(address))?.value;
  }

  #setElement(address: string, next: TrafficClass | undefined): void {
    const present = this.#elements.get(address);
    if (present !== undefined && next !== undefined && sameVerdict(present.verdict, next.verdict)) return;
    const key: KeyField[] = [{ type: addressType(this.program.family), value: address }];
    if (next !== undefined) {
      this.#retain(next);
      this.#elements.set(address, next);
      this.#table.set({ kind: 'element', set: this.addressMap!.name, key, verdict: next.verdict });
    } else if (present !== undefined) {
      this.#elements.delete(address);
      this.#table.delete(statementKey({ kind: 'element', set: this.addressMap!.name, key }));
    }
    if (present !== undefined) this.#release(present);
  }

  /** The intervals whose class is not the default, as few as can be. */
  #intervalsWithin(range: AddressRange): NetInterval[] {
    const merged: NetInterval[] = [];
    for (const { first, last, value } of this.#cells.within(range)) {
      const found = this.#classOfCriteria(value);
      if (sameVerdict(found.verdict, this.defaultClass.verdict)) continue;
      const previous = merged.at(-1);
      const continues = previous?.last === first - 1n && sameVerdict(previous.trafficClass.verdict, found.verdict);
      if (continues) merged[merged.length - 1] = { ...previous, last };
      else merged.push({ first, last, trafficClass: found });
    }
    return merged;
  }

  /** The range, and on either side the interval that touches it: the two may become one, or one become two. */
  #withNeighbours({ first, last }: AddressRange): AddressRange {
    const verdictOf = (cell: Stretch<Criteria> | undefined) => cell && this.#classOfCriteria(cell.value).verdict;
    const end = (from: bigint, next: (cell: Stretch<Criteria>) => bigint) => {
      const verdict = verdictOf(this.#cells.at(from));
      if (verdict === undefined || sameVerdict(verdict, this.defaultClass.verdict)) return undefined;
      let cell = this.#cells.at(from)!;
      for (let beyond: typeof cell | undefined = cell; beyond !== undefined && sameVerdict(verdictOf(beyond)!, verdict); ) {
        cell = beyond;
        beyond = this.#cells.at(next(cell));
      }
      return cell;
    };
    return {
      first: end(first - 1n, (cell) => cell.first - 1n)?.first ?? first,
      last: end(last + 1n, (cell) => cell.last + 1n)?.last ?? last,
    };
  }

  #retain({ chain }: TrafficClass): void {
    if (chain !== undefined) this.#structure.retain(chain);
  }

  #release({ chain }: TrafficClass): void {
    if (chain !== undefined) this.#structure.release(chain);
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
