import { addressFromNumber, type Family } from '@weir/resources';
import { getOrCreate } from '../membership/multimap.ts';
import type { TrafficClass } from '../program/traffic-class.ts';
import { decode, IntervalList, intervalDifference } from '../ranges/interval-list.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import type { AddressField, Rule } from '../statements/rule.ts';
import {
  DENIED,
  type ElementStatement,
  type IntervalsStatement,
  type KeyField,
  type MapStatement,
  statementKey,
  verdictText,
} from '../statements/statement.ts';
import { type SharedStructure, sameVerdict, type Table } from '../statements/table.ts';
import { mostNumerous } from './many-peers.ts';

/** Addresses of one class. */
export interface NetInterval extends AddressRange {
  readonly trafficClass: TrafficClass;
}

/** The intervals of one class. */
interface Kept {
  readonly trafficClass: TrafficClass;
  intervals: IntervalList;
  /** Where they are if they are many. */
  set?: MapStatement;
}

/**
 * The nets of one program in the nftables table. Those of a class that has many are in a set of their own, behind which a rule says what
 * becomes of them; the others are in one map. The kernel goes through all elements of a map that lead to a chain whenever it checks the
 * table's chains, and through none of a set.
 */
export class NetMap {
  readonly #name: string;
  readonly #family: Family;
  readonly #field: AddressField;
  readonly #table: Table;
  readonly #structure: SharedStructure;
  readonly #many: number;
  readonly #map: MapStatement;
  readonly #classes = new Map<string, Kept>();
  #hasMap = false;
  #rules: readonly Rule[] = [];

  /** @param of.name of the program; @param of.many from how many intervals on a class has a set */
  constructor(of: { name: string; family: Family; field: AddressField; table: Table; structure: SharedStructure; many: number }) {
    this.#name = of.name;
    this.#family = of.family;
    this.#field = of.field;
    this.#table = of.table;
    this.#structure = of.structure;
    this.#many = of.many;
    this.#map = { kind: 'map', name: `p_${of.name}_n`, type: `${this.#type} : verdict`, interval: true };
  }

  /** Those that look a peer up. Another list when they have changed, which they seldom do. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /**
   * Puts intervals in the place of others, both by rising address.
   *
   * @param present all that there are of where the change is
   * @returns whether anything has changed that may take something from somebody
   */
  replace(present: readonly NetInterval[], next: readonly NetInterval[]): boolean {
    const gone = new Map(present.map((interval) => [intervalKey(interval), interval]));
    const come = next.filter((interval) => !gone.delete(intervalKey(interval)));
    const [out, into] = [byClass([...gone.values()]), byClass(come)];
    return this.#bring(
      [...new Set([...out.keys(), ...into.keys()])].map((text) => {
        const [less = [], more = []] = [out.get(text), into.get(text)];
        const { trafficClass } = (less[0] ?? more[0])!;
        return { text, trafficClass, intervals: this.#intervalsOf(text).replace(less, more) };
      }),
    );
  }

  /** Puts intervals, by rising address, in the place of all that there are; returns as `replace`. */
  replaceAll(next: readonly NetInterval[]): boolean {
    const wanted = byClass(next);
    const all = [...wanted].map(([text, intervals]) => ({
      text,
      trafficClass: intervals[0]!.trafficClass,
      intervals: IntervalList.of(this.#family, intervals),
    }));
    const gone = [...this.#classes].filter(([text]) => !wanted.has(text));
    return this.#bring([
      ...all,
      ...gone.map(([text, { trafficClass }]) => ({ text, trafficClass, intervals: IntervalList.of(this.#family) })),
    ]);
  }

  /** Gives classes other intervals, in the table too. */
  #bring(wanted: readonly { text: string; trafficClass: TrafficClass; intervals: IntervalList }[]): boolean {
    let narrowed = false;
    const before = new Map<Kept, Pick<Kept, 'intervals' | 'set'>>();
    for (const { text, trafficClass, intervals } of wanted) {
      const kept = this.#keep(text, trafficClass);
      const { gone, come } = intervalDifference(kept.intervals, intervals);
      if (gone.length + come.length === 0) continue;
      // A new interval may lie where a wider one has been, so nothing but freedom is sure to take nothing.
      narrowed ||= come.length > 0 && trafficClass.verdict.kind !== 'return';
      narrowed ||= gone.length > 0 && !sameVerdict(trafficClass.verdict, DENIED);
      before.set(kept, { ...kept });
      kept.intervals = intervals;
    }
    const moved = this.#chooseMany();
    for (const [kept, old] of moved) before.set(kept, { ...old, ...before.get(kept) });
    this.#forgetEmpty();
    this.#chooseRules(moved.size > 0);
    this.#write(before);
    return narrowed;
  }

  #keep(text: string, trafficClass: TrafficClass): Kept {
    return getOrCreate(this.#classes, text, () => {
      if (trafficClass.chain !== undefined) this.#structure.retain(trafficClass.chain);
      return { trafficClass, intervals: IntervalList.of(this.#family) };
    });
  }

  /** Gives sets of their own to the classes that have most. @returns those whose place is another now, as they were */
  #chooseMany(): Map<Kept, Kept> {
    const sizes = [...this.#classes].map(([key, { intervals }]) => ({ key, size: intervals.size }));
    const many = new Set(mostNumerous(sizes, this.#many).map(({ key }) => key));
    const moved = new Map<Kept, Kept>();
    for (const [text, kept] of this.#classes) {
      if (many.has(text) === (kept.set !== undefined)) continue;
      moved.set(kept, { ...kept });
      if (kept.set !== undefined) this.#structure.release(kept.set);
      delete kept.set;
      if (!many.has(text)) continue;
      kept.set = { kind: 'map', name: `p_${this.#name}_n_${verdictName(kept)}`, type: this.#type, interval: true };
      this.#structure.retain(kept.set);
    }
    return moved;
  }

  /** @param before what of the classes is in the table */
  #write(before: ReadonlyMap<Kept, Pick<Kept, 'intervals' | 'set'>>): void {
    const inMap = ({ intervals, set }: Pick<Kept, 'intervals' | 'set'>) => (set === undefined ? intervals : IntervalList.of(this.#family));
    const changes = Array.from(before, ([kept, old]) => ({ kept, old, ...intervalDifference(inMap(old), inMap(kept)) }));
    for (const { kept, gone } of changes) {
      for (const range of decode(this.#family, gone)) this.#table.delete(statementKey(this.#element(range, kept)));
    }
    for (const { kept, old, come } of changes) {
      for (const range of decode(this.#family, come)) this.#table.set(this.#element(range, kept));
      if (old.set !== undefined && kept.set === undefined) this.#table.delete(statementKey(intervalsOf(old.set, old.intervals)));
      if (kept.set !== undefined) this.#table.set(intervalsOf(kept.set, kept.intervals));
    }
  }

  #forgetEmpty(): void {
    for (const [text, { intervals, trafficClass }] of this.#classes) {
      if (intervals.size > 0) continue;
      this.#classes.delete(text);
      if (trafficClass.chain !== undefined) this.#structure.release(trafficClass.chain);
    }
  }

  #chooseRules(isMoved: boolean): void {
    const isMapNeeded = this.#classes.values().some(({ set }) => set === undefined);
    if (!isMoved && isMapNeeded === this.#hasMap) return;
    if (isMapNeeded && !this.#hasMap) this.#structure.retain(this.#map);
    if (!isMapNeeded && this.#hasMap) this.#structure.release(this.#map);
    this.#hasMap = isMapNeeded;
    this.#rules = this.#rulesOf();
  }

  #rulesOf(): Rule[] {
    const sets = [...this.#classes].flatMap(([text, { set, trafficClass }]) => (set === undefined ? [] : [{ text, set, trafficClass }]));
    sets.sort((left, right) => (left.text < right.text ? -1 : 1));
    const field = this.#field;
    return [
      ...sets.map(
        ({ set, trafficClass: { verdict } }): Rule => ({
          expressions: [
            { kind: 'member', field, set: set.name },
            { kind: 'verdict', verdict },
          ],
          comment: 'peers by net',
        }),
      ),
      ...(this.#hasMap ? [{ expressions: [{ kind: 'vmap' as const, field, map: this.#map.name }], comment: 'peers by net' }] : []),
    ];
  }

  #intervalsOf(text: string): IntervalList {
    return this.#classes.get(text)?.intervals ?? IntervalList.of(this.#family);
  }

  /** Of the map. */
  #element({ first, last }: AddressRange, { trafficClass }: Kept): ElementStatement {
    const field = (number: bigint): KeyField[] => [{ type: this.#type, value: addressFromNumber(number, this.#family) }];
    return { kind: 'element', set: this.#map.name, key: field(first), to: field(last), verdict: trafficClass.verdict };
  }

  get #type(): 'ipv4_addr' | 'ipv6_addr' {
    return this.#family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  }
}

function intervalKey({ first, last, trafficClass }: NetInterval): string {
  return `${first}-${last} ${verdictText(trafficClass.verdict)}`;
}

function byClass(intervals: readonly NetInterval[]): Map<string, NetInterval[]> {
  return Map.groupBy(intervals, ({ trafficClass }) => verdictText(trafficClass.verdict));
}

function intervalsOf({ name }: MapStatement, intervals: IntervalList): IntervalsStatement {
  return { kind: 'intervals', set: name, intervals };
}

function verdictName({ trafficClass: { verdict } }: Kept): string {
  return 'chain' in verdict ? verdict.chain : verdict.kind;
}
