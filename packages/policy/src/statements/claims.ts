import { type Statement, statementKey } from './statement.ts';
import type { Table } from './table.ts';

/**
 * Statements that more than one may want in the same place, as two endpoints that have one address or one port of the host: an old one
 * not yet gone, or written by hand. Which of them is in the table must not depend on who came first.
 */
export class Claims {
  readonly #table: Table;
  /** By statement, who wants it. */
  readonly #claims = new Map<string, Map<string, Statement>>();
  readonly #byClaimant = new Map<string, string[]>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** Replaces all that the claimant wanted before. */
  put(claimant: string, statements: readonly Statement[]): void {
    const before = this.#byClaimant.get(claimant) ?? [];
    const after = statements.map(statementKey);
    for (const claimed of before) this.#claims.get(claimed)!.delete(claimant);
    for (const statement of statements) {
      const claimed = statementKey(statement);
      const claims = this.#claims.get(claimed) ?? new Map<string, Statement>();
      this.#claims.set(claimed, claims.set(claimant, statement));
    }
    if (after.length > 0) this.#byClaimant.set(claimant, after);
    else this.#byClaimant.delete(claimant);
    for (const claimed of new Set([...before, ...after])) this.#settle(claimed);
  }

  #settle(claimed: string): void {
    const claims = this.#claims.get(claimed)!;
    const [first] = claims.size > 1 ? [...claims.keys()].sort() : claims.keys();
    if (first !== undefined) {
      this.#table.set(claims.get(first)!);
      return;
    }
    this.#claims.delete(claimed);
    this.#table.delete(claimed);
  }
}
