import { addressFromNumber, type Family } from '@weir/resources';
import { getOrCreate } from '../membership/multimap.ts';
import type { TrafficClass } from '../program/traffic-class.ts';
import { decode, IntervalList, intervalDifference } from '../ranges/interval-list.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import { type AddressField, type Rule, ruleText } from '../statements/rule.ts';
import { addressType, type ElementStatement, type KeyField, type MapStatement, statementKey } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';
import { DENIED, sameVerdict, verdictText } from '../statements/verdict.ts';
import { type ByManyPeers, mostNumerous } from './many-peers.ts';
import { NetList, type PartSet } from './net-list.ts';
import { type NetRules, netRules } from './net-rules.ts';

/** Addresses of one class. */
export interface NetInterval extends AddressRange {
  readonly trafficClass: TrafficClass;
}

/** The intervals of one class. */
interface Kept {
  readonly trafficClass: TrafficClass;
  intervals: IntervalList;
  /** Where they are if they are many. */
  list?: NetList;
}

type Held = Pick<Kept, 'intervals' | 'list'>;

/** What the rules follow from. */
interface Shape {
  readonly hasMap: boolean;
  readonly lists: readonly { readonly name: string; readonly sets: readonly PartSet[]; readonly trafficClass: TrafficClass }[];
  readonly many: ByManyPeers;
}

const NO_RULES: NetRules = { rules: [], structures: [], elements: [] };

/**
 * The nets of one program in the nftables table. Those of a class that has many are in a list of their own, behind which a rule says what
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
  readonly #netsPerSet: number;
  readonly #none: IntervalList;
  readonly #map: MapStatement;
  readonly #classes = new Map<string, Kept>();
  #shape: Shape;
  #present: NetRules = NO_RULES;
  #rules: readonly Rule[] = [];

  /**
   * @param of.name of the program
   * @param of.many from how many intervals on a class has a list
   * @param of.netsPerSet see `NETS_PER_SET`
   * @param behind what comes behind the nets
   */
  constructor(
    of: {
      name: string;
      family: Family;
      field: AddressField;
      table: Table;
      structure: SharedStructure;
      many: number;
      netsPerSet: number;
    },
    behind: ByManyPeers,
  ) {
    this.#name = of.name;
    this.#family = of.family;
    this.#field = of.field;
    this.#table = of.table;
    this.#structure = of.structure;
    this.#many = of.many;
    this.#netsPerSet = of.netsPerSet;
    this.#none = IntervalList.of(of.family);
    this.#map = { kind: 'map', name: `p_${of.name}_n`, type: `${addressType(of.family)} : verdict`, interval: true };
    this.#shape = { hasMap: false, lists: [], many: behind };
  }

  /** Those that look a peer up. Another array when they have changed, which they seldom do. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** To be called when something else comes behind the nets. */
  leadTo(behind: ByManyPeers): void {
    this.#reshape({ ...this.#shape, many: behind });
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
    return this.#bring([...all, ...gone.map(([text, { trafficClass }]) => ({ text, trafficClass, intervals: this.#none }))]);
  }

  /** Gives classes other intervals, in the table too. */
  #bring(wanted: readonly { text: string; trafficClass: TrafficClass; intervals: IntervalList }[]): boolean {
    let narrowed = false;
    const before = new Map<Kept, Held>();
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
    for (const [kept, old] of this.#chooseMany()) before.set(kept, { ...old, ...before.get(kept) });
    this.#forgetEmpty();
    this.#writeLists(before);
    this.#chooseRules();
    this.#writeMap(before);
    return narrowed;
  }

  #keep(text: string, trafficClass: TrafficClass): Kept {
    return getOrCreate(this.#classes, text, () => {
      if (trafficClass.chain !== undefined) this.#structure.retain(trafficClass.chain);
      return { trafficClass, intervals: this.#none };
    });
  }

  /** Gives lists of their own to the classes that have most. @returns those whose place is another now, as they were */
  #chooseMany(): Map<Kept, Kept> {
    const sizes = [...this.#classes].map(([key, { intervals }]) => ({ key, size: intervals.size }));
    const many = new Set(mostNumerous(sizes, this.#many).map(({ key }) => key));
    const moved = new Map<Kept, Kept>();
    for (const [text, kept] of this.#classes) {
      if (many.has(text) === (kept.list !== undefined)) continue;
      moved.set(kept, { ...kept });
      if (many.has(text)) kept.list = this.#newList(kept);
      else delete kept.list;
    }
    return moved;
  }

  #newList({ trafficClass: { verdict } }: Kept): NetList {
    return new NetList({
      name: `p_${this.#name}_n_${'chain' in verdict ? verdict.chain : verdict.kind}`,
      family: this.#family,
      table: this.#table,
      structure: this.#structure,
      netsPerSet: this.#netsPerSet,
    });
  }

  /** @param before what of the classes is in the table */
  #writeLists(before: ReadonlyMap<Kept, Held>): void {
    for (const [kept, old] of before) {
      if (kept.list !== old.list) old.list?.remove();
      if (kept.list === undefined) continue;
      const { gone, come } = intervalDifference(kept.list === old.list ? old.intervals : this.#none, kept.intervals);
      kept.list.replace([...decode(this.#family, gone)], [...decode(this.#family, come)]);
    }
  }

  #writeMap(before: ReadonlyMap<Kept, Held>): void {
    const inMap = ({ intervals, list }: Held) => (list === undefined ? intervals : this.#none);
    const changes = Array.from(before, ([kept, old]) => ({ kept, ...intervalDifference(inMap(old), inMap(kept)) }));
    for (const { kept, gone } of changes) {
      for (const range of decode(this.#family, gone)) this.#table.delete(statementKey(this.#element(range, kept)));
    }
    for (const { kept, come } of changes) {
      for (const range of decode(this.#family, come)) this.#table.set(this.#element(range, kept));
    }
  }

  #forgetEmpty(): void {
    for (const [text, { intervals, trafficClass }] of this.#classes) {
      if (intervals.size > 0) continue;
      this.#classes.delete(text);
      if (trafficClass.chain !== undefined) this.#structure.release(trafficClass.chain);
    }
  }

  #chooseRules(): void {
    const hasMap = this.#classes.values().some(({ list }) => list === undefined);
    const lists = [...this.#classes].flatMap(([text, { list, trafficClass }]) =>
      list === undefined ? [] : [{ text, name: list.name, sets: list.sets, trafficClass }],
    );
    lists.sort((left, right) => (left.text < right.text ? -1 : 1));
    const isSame =
      hasMap === this.#shape.hasMap &&
      lists.length === this.#shape.lists.length &&
      lists.every(({ sets }, index) => sets === this.#shape.lists[index]!.sets);
    if (!isSame) this.#reshape({ ...this.#shape, hasMap, lists });
  }

  #reshape(shape: Shape): void {
    if (shape.hasMap !== this.#shape.hasMap) this.#structure[shape.hasMap ? 'retain' : 'release'](this.#map);
    this.#shape = shape;
    const { hasMap, lists, many } = shape;
    const verdicts = lists.map(({ name, sets, trafficClass: { verdict } }) => ({ name, sets, verdict }));
    this.#put(netRules(verdicts, this.#field, many));
    const inMap: Rule[] = hasMap
      ? [{ expressions: [{ kind: 'vmap', field: this.#field, map: this.#map.name }], comment: 'peers by net' }]
      : [];
    const rules = [...inMap, ...this.#present.rules];
    if (rules.map(ruleText).join('\n') !== this.#rules.map(ruleText).join('\n')) this.#rules = rules;
  }

  /** Brings what the rules need into the table. */
  #put(next: NetRules): void {
    const before = this.#present;
    this.#present = next;
    for (const structure of next.structures) this.#structure.retain(structure);
    const kept = new Set(next.elements.map(statementKey));
    for (const element of before.elements) if (!kept.has(statementKey(element))) this.#table.delete(statementKey(element));
    for (const element of next.elements) this.#table.set(element);
    for (const structure of before.structures) this.#structure.release(structure);
  }

  #intervalsOf(text: string): IntervalList {
    return this.#classes.get(text)?.intervals ?? this.#none;
  }

  /** Of the map. */
  #element({ first, last }: AddressRange, { trafficClass }: Kept): ElementStatement {
    const field = (number: bigint): KeyField[] => [{ type: addressType(this.#family), value: addressFromNumber(number, this.#family) }];
    return { kind: 'element', set: this.#map.name, key: field(first), to: field(last), verdict: trafficClass.verdict };
  }
}

function intervalKey({ first, last, trafficClass }: NetInterval): string {
  return `${first}-${last} ${verdictText(trafficClass.verdict)}`;
}

function byClass(intervals: readonly NetInterval[]): Map<string, NetInterval[]> {
  return Map.groupBy(intervals, ({ trafficClass }) => verdictText(trafficClass.verdict));
}
