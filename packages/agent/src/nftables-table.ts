/**
 * One nftables table: what it should hold (desired), what it holds (actual), and the difference, applied.
 *
 * A change goes in make-before-break order. Chains and maps that nothing refers to have no effect, so they come first and go last; the
 * elements between are one transaction, which is the switch that packets see.
 */
import { DeltaTracker, type ElementChange, type Nftables, type NftElements, type TableReference } from '@weir/kernel';
import { type BaseTable, readTable, type Statement, sameStatement, structureScript } from '@weir/policy';

export class NftablesTable {
  readonly #reference: TableReference;
  readonly #name: string;
  readonly #nftables: Nftables;
  readonly #elements: NftElements;
  readonly #tracker = new DeltaTracker<string, Statement>({ equal: sameStatement });
  /** Of the fixed part that is loaded. */
  #baseVersion: string | undefined;
  #isActualKnown = false;

  constructor(reference: TableReference, sockets: { nftables: Nftables; elements: NftElements }) {
    this.#reference = reference;
    this.#name = `${reference.family} ${reference.table}`;
    this.#nftables = sockets.nftables;
    this.#elements = sockets.elements;
  }

  /** Takes note of what has changed of the calculated part; `bringInStep` carries it out. */
  desire(change: { set: ReadonlyMap<string, Statement>; delete: ReadonlySet<string> }): void {
    for (const [key, statement] of change.set) this.#tracker.desire(key, statement);
    for (const key of change.delete) this.#tracker.undesire(key);
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

  #bringWhatIsThereInStep(base: BaseTable): void {
    this.#readActual();
    this.#apply(base);
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

  #readActual(): void {
    const listed = this.#nftables.list(this.#name);
    const { version, statements } = listed === undefined ? { version: undefined, statements: [] } : readTable({ nftables: listed });
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
    const pending = this.#tracker.pending();
    const removed = [...pending.delete].map((key) => this.#tracker.actual.get(key)!);
    const structure = [...pending.set.values()].filter(isStructure);
    if (structure.length > 0) this.#nftables.run(structureScript(this.#name, { create: structure }));
    const changes: ElementChange[] = [];
    for (const statement of removed) if (statement.kind === 'element') changes.push({ op: 'delete', ...statement });
    for (const [key, statement] of pending.set) {
      if (statement.kind !== 'element') continue;
      const present = this.#tracker.actual.get(key);
      if (present?.kind === 'element') changes.push({ op: 'delete', ...present });
      changes.push({ op: 'add', ...statement });
    }
    if (changes.length > 0) this.#elements.apply(this.#reference, changes);
    const leftover = removed.filter(isStructure);
    if (leftover.length > 0) this.#nftables.run(structureScript(this.#name, { remove: leftover }));
    this.#tracker.applied(pending);
  }
}

function isStructure(statement: Statement): boolean {
  return statement.kind !== 'element';
}
