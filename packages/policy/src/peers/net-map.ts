import { addressFromNumber, type Family } from '@weir/resources';
import type { TrafficClass } from '../program/traffic-class.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import type { AddressField, Rule } from '../statements/rule.ts';
import { DENIED, type ElementStatement, type KeyField, type MapStatement, statementKey, verdictText } from '../statements/statement.ts';
import { type SharedStructure, sameVerdict, type Table } from '../statements/table.ts';
import { mostNumerous } from './many-peers.ts';

/** Addresses of one class. */
export interface NetInterval extends AddressRange {
  readonly trafficClass: TrafficClass;
}

/** The intervals of one class. */
interface Kept {
  readonly trafficClass: TrafficClass;
  count: number;
  /** As many of them have their element. */
  placed: number;
  /** Where they are if they are many. */
  set?: MapStatement;
}

const NONE: ReadonlySet<string> = new Set();

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
   * Puts intervals in the place of others.
   *
   * @param present all that there are of where the change is
   * @param all every interval, afterwards; asked for when a class has come to have many, or few
   * @returns whether anything has changed that may take something from somebody
   */
  replace(present: readonly NetInterval[], next: readonly NetInterval[], all: () => readonly NetInterval[]): boolean {
    const gone = new Map(present.map((interval) => [rangeKey(interval), interval]));
    const come =
      gone.size === 0
        ? next
        : next.filter((interval) => {
            const key = rangeKey(interval);
            const before = gone.get(key);
            const stays = before !== undefined && sameVerdict(before.trafficClass.verdict, interval.trafficClass.verdict);
            if (stays) gone.delete(key);
            return !stays;
          });
    for (const interval of gone.values()) this.#delete(interval);
    for (const interval of come) this.#count(interval);
    const moved = gone.size > 0 || come.length > 0 ? this.#settle(all) : NONE;
    for (const interval of come) if (!moved.has(verdictText(interval.trafficClass.verdict))) this.#place(interval);
    // A new interval may lie where a wider one has been, so nothing but freedom is sure to take nothing.
    return (
      come.some(({ trafficClass }) => trafficClass.verdict.kind !== 'return') ||
      [...gone.values()].some(({ trafficClass }) => !sameVerdict(trafficClass.verdict, DENIED))
    );
  }

  #count({ trafficClass }: NetInterval): void {
    const text = verdictText(trafficClass.verdict);
    let kept = this.#classes.get(text);
    if (kept === undefined) {
      kept = { trafficClass, count: 0, placed: 0 };
      this.#classes.set(text, kept);
      if (trafficClass.chain !== undefined) this.#structure.retain(trafficClass.chain);
    }
    kept.count += 1;
  }

  #place(interval: NetInterval): void {
    const kept = this.#keptOf(interval);
    kept.placed += 1;
    this.#table.set(this.#element(interval, kept));
  }

  #delete(interval: NetInterval): void {
    const kept = this.#classes.get(verdictText(interval.trafficClass.verdict))!;
    kept.count -= 1;
    kept.placed -= 1;
    this.#table.delete(statementKey(this.#element(interval, kept)));
  }

  /** @returns the classes all of whose intervals have been placed anew */
  #settle(all: () => readonly NetInterval[]): ReadonlySet<string> {
    const sizes = [...this.#classes].map(([key, { count }]) => ({ key, size: count }));
    const many = new Set(mostNumerous(sizes, this.#many).map(({ key }) => key));
    const moving = new Set([...this.#classes.keys()].filter((text) => many.has(text) !== (this.#classes.get(text)!.set !== undefined)));
    if (moving.size > 0) this.#move(moving, many, all());
    for (const [text, { count, trafficClass }] of this.#classes) {
      if (count > 0) continue;
      this.#classes.delete(text);
      if (trafficClass.chain !== undefined) this.#structure.release(trafficClass.chain);
    }
    const isMapNeeded = [...this.#classes.values()].some(({ set }) => set === undefined);
    if (moving.size === 0 && isMapNeeded === this.#hasMap) return NONE;
    if (isMapNeeded && !this.#hasMap) this.#structure.retain(this.#map);
    if (!isMapNeeded && this.#hasMap) this.#structure.release(this.#map);
    this.#hasMap = isMapNeeded;
    this.#rules = this.#rulesOf();
    return moving;
  }

  /** Between the map and sets of their own. */
  #move(classes: ReadonlySet<string>, many: ReadonlySet<string>, all: readonly NetInterval[]): void {
    const intervals = all.filter(({ trafficClass }) => classes.has(verdictText(trafficClass.verdict)));
    for (const interval of intervals) {
      const kept = this.#keptOf(interval);
      if (kept.placed > 0) this.#table.delete(statementKey(this.#element(interval, kept)));
    }
    for (const text of classes) {
      const kept = this.#classes.get(text)!;
      if (kept.set !== undefined) this.#structure.release(kept.set);
      delete kept.set;
      kept.placed = 0;
      if (!many.has(text)) continue;
      kept.set = { kind: 'map', name: `p_${this.#name}_n_${verdictName(kept)}`, type: this.#type, interval: true };
      this.#structure.retain(kept.set);
    }
    for (const interval of intervals) this.#place(interval);
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

  #keptOf({ trafficClass }: NetInterval): Kept {
    return this.#classes.get(verdictText(trafficClass.verdict))!;
  }

  #element({ first, last, trafficClass }: NetInterval, { set }: Kept): ElementStatement {
    const field = (number: bigint): KeyField[] => [{ type: this.#type, value: addressFromNumber(number, this.#family) }];
    const range = { key: field(first), to: field(last) };
    if (set !== undefined) return { kind: 'element', set: set.name, ...range };
    return { kind: 'element', set: this.#map.name, ...range, verdict: trafficClass.verdict };
  }

  get #type(): 'ipv4_addr' | 'ipv6_addr' {
    return this.#family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  }
}

function rangeKey({ first, last }: AddressRange): string {
  return `${first}-${last}`;
}

function verdictName({ trafficClass: { verdict } }: Kept): string {
  return 'chain' in verdict ? verdict.chain : verdict.kind;
}
