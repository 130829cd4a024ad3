/**
 * One nftables table: what it should hold (desired), what it holds (actual), and the difference, applied. A change is one transaction.
 */
import { DeltaTracker, KernelError, type Nftables, type NftObject, type NftSocket, type Pending, type TableReference } from '@weir/kernel';
import {
  type ActualTable,
  type BaseTable,
  difference,
  endpointRules,
  PolicyError,
  readTable,
  ruleDrift,
  type Statement,
  sameStatement,
  tableReplacement,
} from '@weir/policy';
import type { EndpointSpec } from '@weir/resources';
import { KernelSets } from './kernel-sets.ts';
import { tableChanges } from './table-changes.ts';

/** What the kernel says when something else is there under a name that we need. */
const OBSTRUCTED: ReadonlySet<string> = new Set(['EEXIST', 'EINVAL']);

export class NftablesTable {
  readonly #reference: TableReference;
  readonly #name: string;
  readonly #nftables: Nftables;
  readonly #socket: NftSocket;
  readonly #tracker = new DeltaTracker<string, Statement>({ equal: sameStatement });
  /** How many elements are desired of each set. */
  readonly #sizes = new Map<string, number>();
  /** Of the fixed part that is loaded. */
  #baseVersion: string | undefined;
  #isActualKnown = false;

  constructor(reference: TableReference, sockets: { nftables: Nftables; socket: NftSocket }) {
    this.#reference = reference;
    this.#name = `${reference.family} ${reference.table}`;
    this.#nftables = sockets.nftables;
    this.#socket = sockets.socket;
  }

  /** Takes note of what has changed of the calculated part; `bringInStep` carries it out. */
  desire(change: { set: ReadonlyMap<string, Statement>; delete: ReadonlySet<string> }): void {
    for (const [key, statement] of change.set) {
      this.#count(this.#tracker.desired.get(key), -1);
      this.#count(statement, 1);
      this.#tracker.desire(key, statement);
    }
    for (const key of change.delete) {
      this.#count(this.#tracker.desired.get(key), -1);
      this.#tracker.undesire(key);
    }
  }

  /** Whether elements of a set are desired. */
  isUsed(set: string): boolean {
    return (this.#sizes.get(set) ?? 0) > 0;
  }

  #count(statement: Statement | undefined, change: 1 | -1): void {
    if (statement?.kind !== 'element') return;
    const size = (this.#sizes.get(statement.set) ?? 0) + change;
    if (size === 0) this.#sizes.delete(statement.set);
    else this.#sizes.set(statement.set, size);
  }

  /** Whether anything is desired of the calculated part. */
  get isWanted(): boolean {
    return this.#tracker.desired.size > 0;
  }

  /** What the kernel has is read again before the next change: somebody else may have changed it. */
  forgetActual(): void {
    this.#isActualKnown = false;
  }

  /**
   * Makes the kernel have the fixed part and all that is desired. Throws KernelError when the kernel refused it; what is there then is
   * read by the next call.
   *
   * @returns whether what is there had to be read: it may have been something else while nobody looked
   */
  bringInStep(base: BaseTable): boolean {
    if (!this.#isActualKnown) {
      this.#bringWhatIsThereInStep(base);
      return true;
    }
    try {
      this.#apply(base);
      return false;
    } catch {
      // What we took for there may have been taken away by somebody.
      this.#bringWhatIsThereInStep(base);
      return true;
    }
  }

  /** What the kernel lacks of the rules of an endpoint, or has otherwise, each in a few words. Changes nothing. */
  drift(endpoint: EndpointSpec, base: BaseTable): string[] {
    const structure = this.#nftables.structure(this.#name);
    const rules = endpointRules(endpoint, this.#tracker.desired.values());
    const sets = new Set(rules.flatMap((statement) => ('set' in statement ? [statement.set] : [])));
    const drift = ruleDrift(rules, structure && { nftables: structure }, {
      version: base.version,
      reader: new KernelSets(this.#socket, this.#reference, (name) => sets.has(name)),
    });
    return drift.map((text) => `table ${this.#name}: ${text}`);
  }

  /** Takes the whole table away, if it is there. Throws KernelError when the kernel refused it. */
  remove(): void {
    const isThere = this.#isActualKnown
      ? this.#baseVersion !== undefined || this.#tracker.actual.size > 0
      : this.#nftables.structure(this.#name) !== undefined;
    // Taking away what is not there is refused.
    if (isThere) this.#nftables.run(`add table ${this.#name}\ndelete table ${this.#name}\n`);
    this.#takeAsActual({ statements: new Map() });
  }

  #bringWhatIsThereInStep(base: BaseTable): void {
    const structure = this.#nftables.structure(this.#name);
    if (structure === undefined) {
      this.#takeAsActual({ statements: new Map() });
      this.#apply(base);
      return;
    }
    const found = this.#readOwn(structure);
    if (found?.layout !== base.layout) {
      this.#replace(base);
      return;
    }
    this.#takeAsActual(found);
    try {
      this.#apply(base);
    } catch (error) {
      if (!(error instanceof KernelError) || !OBSTRUCTED.has(error.code)) throw error;
      this.#replace(base);
    }
  }

  /**
   * Changes a table of another version of Weir, or one that somebody did something to which we cannot read, for ours: but for sets that
   * lead nowhere all of it in one transaction. In two, the first packets to come between them would meet a half of each.
   */
  #replace(base: BaseTable): void {
    this.#isActualKnown = false;
    const listed = this.#nftables.list(this.#name) ?? [];
    const desired = this.#tracker.desired;
    const { addressSets, present, script, unsaid } = tableReplacement(this.#name, listed, { desired, base });
    this.#socket.apply(this.#reference, tableChanges(difference(addressSets, present), present));
    this.#nftables.run(script);
    this.#socket.apply(
      this.#reference,
      unsaid.map((rules) => ({ kind: 'rules', op: 'add', ...rules })),
    );
    this.#tracker.setActual(desired);
    this.#baseVersion = base.version;
    this.#isActualKnown = true;
  }

  #apply(base: BaseTable): void {
    try {
      this.#loadBase(base);
      this.#applyPending();
    } catch (error) {
      this.#isActualKnown = false;
      throw error;
    }
  }

  /** @returns undefined when something is there that we cannot have written */
  #readOwn(structure: NftObject[]): ActualTable | undefined {
    try {
      return readTable({ nftables: structure }, new KernelSets(this.#socket, this.#reference));
    } catch (error) {
      if (error instanceof PolicyError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  #takeAsActual({ version, statements }: ActualTable): void {
    this.#baseVersion = version;
    this.#tracker.setActual(statements);
    this.#isActualKnown = true;
  }

  #loadBase({ version, script }: BaseTable): void {
    if (version === this.#baseVersion) return;
    this.#nftables.run(script);
    this.#baseVersion = version;
  }

  #applyPending(): void {
    const first = this.#tracker.pending();
    const unreached = newStructure(first);
    // Under Linux 6.18 packets that come while the kernel carries out a long transaction can miss what is new with it in long lists of nets.
    if (hasLongList(unreached)) this.#applyChange({ set: unreached, delete: new Set() });
    this.#applyChange(this.#tracker.pending());
  }

  #applyChange(change: Pending<string, Statement>): void {
    this.#socket.apply(this.#reference, tableChanges(change, this.#tracker.actual));
    this.#tracker.applied(change);
  }
}

/** Chains, maps and sets that come, with what is in them: nothing leads there yet. */
function newStructure({ set }: Pending<string, Statement>): Map<string, Statement> {
  const isNew = (statement: Statement) =>
    statement.kind === 'chain' || statement.kind === 'map' || ('set' in statement && set.has(`map/${statement.set}`));
  return new Map([...set].filter(([, statement]) => isNew(statement)));
}

function hasLongList(statements: ReadonlyMap<string, Statement>): boolean {
  return statements.values().some(({ kind }) => kind === 'intervals');
}
