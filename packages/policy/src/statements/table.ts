import { type ChainStatement, type MapStatement, type Statement, sameStatement, statementKey } from './statement.ts';

/** What turns one state of a table into another. */
export interface TableChange {
  set: Map<string, Statement>;
  delete: Set<string>;
}

/** The desired table, and what of it has changed since somebody last asked. */
export class Table {
  readonly #statements = new Map<string, Statement>();
  /** What the statements touched since then were at that time; undefined until somebody has asked: there was nothing. */
  #before: Map<string, Statement | undefined> | undefined;

  set(statement: Statement): void {
    const key = statementKey(statement);
    this.#touch(key);
    this.#statements.set(key, statement);
  }

  delete(key: string): void {
    this.#touch(key);
    this.#statements.delete(key);
  }

  /** What turns the table of the previous call into the present one: changes that undid each other are not in it. */
  takeChange(): TableChange {
    const touched = this.#before;
    this.#before = new Map();
    if (touched === undefined) return { set: new Map(this.#statements), delete: new Set() };
    const set = new Map<string, Statement>();
    const gone = new Set<string>();
    for (const [key, before] of touched) {
      const now = this.#statements.get(key);
      if (now === undefined) {
        if (before !== undefined) gone.add(key);
      } else if (before === undefined || !sameStatement(before, now)) {
        set.set(key, now);
      }
    }
    return { set, delete: gone };
  }

  #touch(key: string): void {
    if (this.#before?.has(key) === false) this.#before.set(key, this.#statements.get(key));
  }
}

/** Chains and maps are in the table as long as somebody refers to them. */
export class SharedStructure {
  readonly #table: Table;
  readonly #references = new Map<string, number>();

  constructor(table: Table) {
    this.#table = table;
  }

  retain(statement: ChainStatement | MapStatement): void {
    const key = statementKey(statement);
    const references = this.#references.get(key) ?? 0;
    if (references === 0) this.#table.set(statement);
    this.#references.set(key, references + 1);
  }

  release(statement: ChainStatement | MapStatement): void {
    const key = statementKey(statement);
    const references = this.#references.get(key)! - 1;
    if (references > 0) {
      this.#references.set(key, references);
      return;
    }
    this.#references.delete(key);
    this.#table.delete(key);
  }
}
