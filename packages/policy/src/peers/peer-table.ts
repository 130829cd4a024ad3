import type { MemberSet } from '../membership/member-set.ts';
import type { Membership } from '../membership/membership.ts';
import type { Program } from '../program/program.ts';
import { narrows, type TrafficClass } from '../program/traffic-class.ts';
import { addressNumber } from '../ranges/canonical-address.ts';
import { type Criteria, NetCells } from '../ranges/net-cells.ts';
import { type AddressRange, WHOLE } from '../ranges/net-ranges.ts';
import type { Stretch } from '../ranges/range-map.ts';
import { addressType, type KeyField, type MapStatement, statementKey } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';
import { sameVerdict } from '../statements/verdict.ts';
import { LargestSets } from './largest-sets.ts';
import { type ByManyPeers, peerField, type SizedSet } from './many-peers.ts';
import { type NetInterval, NetMap } from './net-map.ts';
import { PeerClasses } from './peer-classes.ts';
import type { PeerSets } from './peer-sets.ts';

/** So many ranges at once, as a share of the cells, cost less as a whole than one by one. */
const MANY = { atLeast: 64, share: 1 / 8 };

/**
 * One program by peer: which class each address of its family has. As nftables maps: one of single addresses, one of intervals, each
 * holding only what differs from what the packet would meet after it, and the class of everybody else.
 *
 * An address that a rule's selectors single out costs one element at most; nets are cut into disjoint intervals. The members of the few
 * largest sets are in none of these maps: the sets themselves are in the table, and behind the maps a packet is looked up in them.
 */
export class PeerTable {
  readonly program: Program;
  /** The maps, as far as the program needs them; their names follow from the program's. */
  readonly addressMap: MapStatement | undefined;
  readonly nets: NetMap;

  readonly #membership: Membership;
  readonly #table: Table;
  readonly #structure: SharedStructure;
  readonly #classes: PeerClasses;
  readonly #largest: LargestSets;
  readonly #elements = new Map<string, TrafficClass>();
  #cells = new NetCells();
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
    this.#classes = new PeerClasses(program, context.membership);
    this.addressMap =
      this.#classes.sets.size === 0
        ? undefined
        : { kind: 'map', name: `p_${program.name}_a`, type: `${addressType(program.family)} : verdict`, interval: false };
    if (this.addressMap !== undefined) this.#structure.retain(this.addressMap);
    this.#retain(this.#classes.defaultClass);
    const { structure, peerSets, manyPeers } = context;
    this.#largest = new LargestSets({ classes: this.#classes, structure, peerSets, atLeast: manyPeers });
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

  /** What follows on the maps. It changes seldom: when a set becomes one of the largest. */
  get many(): ByManyPeers {
    return this.#largest.many;
  }

  /** The sets whose changes concern this table. */
  sets(): Iterable<MemberSet> {
    return this.#classes.sets.keys();
  }

  /** Takes everything of it out of the nftables table. */
  remove(): void {
    for (const address of [...this.#elements.keys()]) this.#setElement(address, undefined);
    this.nets.replaceAll([]);
    if (this.addressMap !== undefined) this.#structure.release(this.addressMap);
    this.#release(this.#classes.defaultClass);
    this.#largest.remove();
    this.#classes.release();
  }

  /**
   * Brings addresses up to date after their membership or ports have changed.
   *
   * @returns whether one of them may do less than before
   */
  refreshAddresses(changed: ReadonlySet<string>): boolean {
    const wanted = this.#largest.wanted();
    if (!this.#largest.areChosen(wanted)) return this.#reshape(wanted, changed);
    let narrowed = false;
    for (const address of changed) narrowed = this.#refreshAddress(address) || narrowed;
    return narrowed;
  }

  #refreshAddress(address: string, before?: TrafficClass): boolean {
    const criteria = this.#criteriaAt(address);
    const byNet = this.#classes.ofCriteria(criteria);
    const was = before ?? this.#elements.get(address) ?? this.#largest.presentClassBehind(byNet, address);
    const sets = this.#classes.setsAt(address);
    const base = this.#largest.classBehind(byNet, sets);
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
    if (criteria === undefined && this.#largest.lookUpAll(sets)) return base;
    return this.#classes.ofAddress(address, sets, criteria);
  }

  /** Those who enter or leave a set together mostly had one class, and have one. */
  #narrows(was: TrafficClass, now: TrafficClass): boolean {
    if (this.#compared?.was !== was || this.#compared.now !== now) this.#compared = { was, now, narrows: narrows(was, now) };
    return this.#compared.narrows;
  }

  /** Looks peers up in other sets than before: what was in one of them by itself may need an element now, and the other way round. */
  #reshape(wanted: readonly SizedSet[], changed: ReadonlySet<string>): boolean {
    const affected = new Set([...changed, ...this.#elements.keys()]);
    const others = this.#largest.sets.symmetricDifference(new Set(wanted.map(({ set }) => set)));
    for (const set of others) for (const address of set.addresses[this.program.family].keys()) affected.add(address);
    const before = new Map(Array.from(affected, (address) => [address, this.classAt(address)]));
    this.#largest.choose(wanted);
    this.nets.leadTo(this.many);
    let narrowed = false;
    for (const [address, was] of before) narrowed = this.#refreshAddress(address, was) || narrowed;
    return narrowed;
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
    this.#cells.mark(this.#classes.sets.get(set)!, range, set.nets.ranges(family, range));
    let narrowed = this.nets.replace(before, this.#intervalsWithin(around));
    if (this.addressMap === undefined) return narrowed;
    for (const address of this.#membership.addressesWithin(family, range)) narrowed = this.#refreshAddress(address) || narrowed;
    return narrowed;
  }

  #refreshAllNets(): boolean {
    const { family } = this.program;
    this.#cells = new NetCells(this.#classes.spans());
    let narrowed = this.nets.replaceAll(this.#intervalsWithin(WHOLE[family]));
    for (const address of this.#singledOut()) narrowed = this.#refreshAddress(address) || narrowed;
    return narrowed;
  }

  /** Addresses that have an element or may need one. */
  #singledOut(): Set<string> {
    const { family } = this.program;
    const found = new Set(this.#elements.keys());
    const largest = this.#largest.sets;
    for (const set of this.#classes.sets.keys()) {
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
    const byNet = () => this.#classes.ofCriteria(this.#criteriaAt(address));
    return this.#elements.get(address) ?? this.#largest.presentClassBehind(byNet(), address);
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
      const found = this.#classes.ofCriteria(value);
      if (sameVerdict(found.verdict, this.#classes.defaultClass.verdict)) continue;
      const previous = merged.at(-1);
      const continues = previous?.last === first - 1n && sameVerdict(previous.trafficClass.verdict, found.verdict);
      if (continues) merged[merged.length - 1] = { ...previous, last };
      else merged.push({ first, last, trafficClass: found });
    }
    return merged;
  }

  /** The range, and on either side the interval that touches it: the two may become one, or one become two. */
  #withNeighbours({ first, last }: AddressRange): AddressRange {
    const verdictOf = (cell: Stretch<Criteria> | undefined) => cell && this.#classes.ofCriteria(cell.value).verdict;
    const end = (from: bigint, next: (cell: Stretch<Criteria>) => bigint) => {
      const verdict = verdictOf(this.#cells.at(from));
      if (verdict === undefined || sameVerdict(verdict, this.#classes.defaultClass.verdict)) return undefined;
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
