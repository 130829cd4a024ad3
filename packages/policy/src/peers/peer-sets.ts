import { type Family, familyOf } from '@weir/resources';
import type { MemberSet } from '../membership/member-set.ts';
import { contentHash } from '../statements/content-hash.ts';
import { type ElementStatement, type MapStatement, statementKey } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';

/** The addresses of one family of a {@link MemberSet}, as a set of the nftables table. */
export interface PeerSet {
  readonly set: MemberSet;
  readonly statement: MapStatement;
  /** What of it is in the table. */
  readonly present: ReadonlySet<string>;
}

interface Kept extends PeerSet {
  readonly present: Set<string>;
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  readonly changed: Set<string>;
  references: number;
}

/**
 * Sets of many peers, which all programs that ask for them have in common: who enters or leaves is one element, whatever the number of
 * programs, and makes no chain reachable that the kernel would have to check.
 */
export class PeerSets {
  readonly #table: Table;
  readonly #structure: SharedStructure;
  readonly #sets = new Map<MemberSet, Partial<Record<Family, Kept>>>();
  readonly #changed = new Set<Kept>();

  constructor(table: Table, structure: SharedStructure) {
    this.#table = table;
    this.#structure = structure;
  }

  /** The set with all that is in it by now; to be given back by `release` as often. */
  acquire(set: MemberSet, family: Family): PeerSet {
    const byFamily = this.#sets.get(set) ?? {};
    this.#sets.set(set, byFamily);
    byFamily[family] ??= this.#make(set, family);
    byFamily[family].references += 1;
    return byFamily[family];
  }

  release({ set, statement }: PeerSet, family: Family): void {
    const byFamily = this.#sets.get(set)!;
    const kept = byFamily[family]!;
    kept.references -= 1;
    if (kept.references > 0) return;
    for (const address of kept.present) this.#table.delete(statementKey(element(kept, address)));
    this.#structure.release(statement);
    this.#changed.delete(kept);
    delete byFamily[family];
    if (Object.keys(byFamily).length === 0) this.#sets.delete(set);
  }

  /** To be called when an address may have entered or left; `settle` brings the table up to date. */
  addressChanged(set: MemberSet, address: string): void {
    const kept = this.#sets.get(set)?.[familyOf(address)];
    if (kept === undefined) return;
    kept.changed.add(address);
    this.#changed.add(kept);
  }

  settle(): void {
    for (const kept of this.#changed) {
      for (const address of kept.changed) this.#refresh(kept, address);
      kept.changed.clear();
    }
    this.#changed.clear();
  }

  #make(set: MemberSet, family: Family): Kept {
    const type = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
    const statement: MapStatement = { kind: 'map', name: peerSetName(set, family), type, interval: false };
    const kept: Kept = { set, statement, type, present: new Set(), changed: new Set(), references: 0 };
    this.#structure.retain(statement);
    for (const address of set.addresses[family].keys()) this.#refresh(kept, address);
    return kept;
  }

  #refresh(kept: Kept, address: string): void {
    const isMember = kept.set.addresses[familyOf(address)].has(address);
    if (isMember === kept.present.has(address)) return;
    const statement = element(kept, address);
    if (isMember) {
      kept.present.add(address);
      this.#table.set(statement);
    } else {
      kept.present.delete(address);
      this.#table.delete(statementKey(statement));
    }
  }
}

/** As it is in the table. */
export function peerSetName({ key }: MemberSet, family: Family): string {
  return `m_${contentHash(`${family} ${key}`)}`;
}

function element({ statement, type }: Kept, address: string): ElementStatement {
  return { kind: 'element', set: statement.name, key: [{ type, value: address }] };
}
