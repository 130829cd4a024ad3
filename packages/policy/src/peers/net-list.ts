import type { Family } from '@weir/resources';
import type { IntervalList } from '../ranges/interval-list.ts';
import { IntervalParts } from '../ranges/interval-parts.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import { addressType, type MapStatement, statementKey } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';

/**
 * A longer list is in several sets, each for a part of the address space. The kernel makes a set's search structure ready anew with each
 * change, 0.1 ms for so many nets, and lists a set by going through it from its beginning for each 32 KiB.
 */
export const NETS_PER_SET = 4096;

/** A set of the table, and the addresses that it is for. */
export interface PartSet {
  readonly range: AddressRange;
  readonly statement: MapStatement;
}

interface Kept extends PartSet {
  readonly intervals: IntervalList;
}

/** A list of nets in the nftables table: one set, or several if it is long. */
export class NetList {
  readonly name: string;
  readonly #family: Family;
  readonly #table: Table;
  readonly #structure: SharedStructure;
  #parts: IntervalParts;
  #kept: ReadonlyMap<string, Kept> = new Map();
  #sets: readonly PartSet[] = [];

  /** @param of.netsPerSet at most */
  constructor(of: { name: string; family: Family; table: Table; structure: SharedStructure; netsPerSet: number }) {
    this.name = of.name;
    this.#family = of.family;
    this.#table = of.table;
    this.#structure = of.structure;
    this.#parts = IntervalParts.of(of.family, of.netsPerSet);
  }

  /** By rising address; of a short list one, for all addresses. Another array when there are others, which is seldom. */
  get sets(): readonly PartSet[] {
    return this.#sets;
  }

  /**
   * Takes intervals out, and puts others in.
   *
   * @param gone all of them in the list; both by rising address. No two of those that are there then touch each other
   */
  replace(gone: readonly AddressRange[], come: readonly AddressRange[]): void {
    this.#parts = this.#parts.replace(gone, come);
    const kept = new Map<string, Kept>();
    for (const { key, range, intervals } of this.#parts) {
      const present = this.#kept.get(key);
      const statement = present?.statement ?? this.#make(key);
      if (present?.intervals !== intervals) this.#table.set({ kind: 'intervals', set: statement.name, intervals });
      kept.set(key, { range, statement, intervals });
    }
    for (const [key, old] of this.#kept) if (!kept.has(key)) this.#remove(old);
    const isSame = kept.size === this.#kept.size && this.#kept.keys().every((key) => kept.has(key));
    this.#kept = kept;
    if (!isSame) this.#sets = [...kept.values()];
  }

  /** Takes all of it out of the table. */
  remove(): void {
    for (const kept of this.#kept.values()) this.#remove(kept);
    this.#kept = new Map();
    this.#sets = [];
  }

  #make(key: string): MapStatement {
    const name = key === '' ? this.name : `${this.name}_${key}`;
    const statement: MapStatement = { kind: 'map', name, type: addressType(this.#family), interval: true };
    this.#structure.retain(statement);
    return statement;
  }

  #remove({ statement, intervals }: Kept): void {
    this.#structure.release(statement);
    this.#table.delete(statementKey({ kind: 'intervals', set: statement.name, intervals }));
  }
}
