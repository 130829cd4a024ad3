import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { prefixEnd } from '../key-range.ts';
import type { Change, Condition, Entry, LeaseId, ListOptions, Operation, TransactionResult } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { bootId, monotonicNow } from './clock.ts';

/** How much of the past is kept for watches; whichever is reached first. Cut once in `step` revisions. */
export interface Retention {
  changes: number;
  octets: number;
  step: number;
}

interface State {
  revision: number;
  compacted: number;
}

interface ChangeRow {
  revision: number;
  key: string;
  value: string | null;
  created: number | null;
}

type EntryRow = Omit<Entry, 'lease'> & { lease: number | null };

/** SQLite's rows have no prototype; entries are plain objects. */
const entryOf = ({ lease, ...entry }: EntryRow): Entry => (lease === null ? { ...entry } : { ...entry, lease: String(lease) });

/** The statements on the tables. Each method runs within a transaction that the caller began; none begins or ends one. */
export class Tables {
  readonly #retention: Retention;
  readonly #boot = bootId();
  readonly #statements;
  #revisionsMade = 0;

  constructor(database: DatabaseSync, retention: Retention) {
    this.#retention = retention;
    /** The number in the one column of the one row, if there is one. A row that is an object with names costs more. */
    const number = (text: string) => {
      const statement = database.prepare(text);
      statement.setReturnArrays(true);
      return (...parameters: SQLInputValue[]) => (statement.get(...parameters) as unknown as [number] | undefined)?.[0];
    };
    this.#statements = {
      state: database.prepare('SELECT revision, compacted FROM state'),
      setRevision: database.prepare('UPDATE state SET revision = ?'),
      setCompacted: database.prepare('UPDATE state SET compacted = ?'),
      get: database.prepare('SELECT key, value, revision, created, lease FROM entries WHERE key = ?'),
      revision: number('SELECT revision FROM entries WHERE key = ?'),
      list: database.prepare(
        'SELECT key, value, revision, created, lease FROM entries WHERE key >= ? AND (?2 IS NULL OR key < ?2) ORDER BY key',
      ),
      listKeys: database.prepare(
        "SELECT key, '' AS value, revision, created, lease FROM entries WHERE key >= ? AND (?2 IS NULL OR key < ?2) ORDER BY key",
      ),
      put: number(
        `INSERT INTO entries (key, value, revision, created, lease) VALUES (?, ?, ?3, ?3, ?4)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision, lease = excluded.lease RETURNING created`,
      ),
      delete: database.prepare('DELETE FROM entries WHERE key = ?'),
      written: number('SELECT written FROM changes ORDER BY revision DESC, ordinal DESC LIMIT 1'),
      log: database.prepare('INSERT INTO changes (revision, ordinal, key, value, created, written) VALUES (?, ?, ?, ?, ?, ?)'),
      changes: database.prepare(
        `SELECT revision, key, value, created FROM changes
         WHERE revision BETWEEN ? AND ? AND key >= ? AND (?4 IS NULL OR key < ?4) ORDER BY revision, ordinal`,
      ),
      tooMany: database.prepare('SELECT revision FROM changes ORDER BY revision DESC, ordinal DESC LIMIT 1 OFFSET ?'),
      tooLarge: database.prepare('SELECT revision, written FROM changes ORDER BY revision, ordinal'),
      forget: database.prepare('DELETE FROM changes WHERE revision <= ?'),
      addLease: database.prepare('INSERT INTO leases (ttl, boot, expires) VALUES (?, ?, ?) RETURNING id'),
      renewLease: database.prepare('UPDATE leases SET expires = ?1 + ttl * 1000 WHERE id = ?2'),
      leaseExists: database.prepare('SELECT 1 FROM leases WHERE id = ?'),
      leaseKeys: database.prepare('SELECT key FROM entries WHERE lease = ? ORDER BY key'),
      deleteLease: database.prepare('DELETE FROM leases WHERE id = ?'),
      expired: database.prepare(
        'SELECT id FROM leases WHERE boot = ?1 AND expires <= ?2 UNION ALL SELECT id FROM leases WHERE boot < ?1 OR boot > ?1',
      ),
    };
  }

  /** By this process; one more for each transaction that changed something. */
  get revisionsMade(): number {
    return this.#revisionsMade;
  }

  state(): State {
    return this.#statements.state.get() as unknown as State;
  }

  get(key: string): Entry | undefined {
    const row = this.#statements.get.get(key) as unknown as EntryRow | undefined;
    return row && entryOf(row);
  }

  list(prefix: string, { keysOnly = false }: ListOptions): Entry[] {
    const rows = this.#statements[keysOnly ? 'listKeys' : 'list'].all(prefix, prefixEnd(prefix) ?? null);
    return rows.map((row) => entryOf(row as unknown as EntryRow));
  }

  transact(when: Condition[], then: Operation[]): TransactionResult {
    // What they hold is read for who is refused only: a block is several KiB.
    const isAsItWas = ({ key, revision }: Condition) => revision === (this.#statements.revision(key) ?? 0);
    if (!when.every(isAsItWas)) return { committed: false, current: when.map(({ key }) => this.get(key)) };
    return { committed: true, revision: this.#apply(then) };
  }

  /** The changes of the revisions `from` to at most `from + revisions - 1`, and the revision to go on with. Throws ECOMPACTED, EHISTORY. */
  changes(prefix: string, from: number, revisions: number): { changes: Change[]; next: number } {
    const { revision: head, compacted } = this.state();
    if (from <= compacted)
      throw new StoreError('ECOMPACTED', `revision ${from} is no longer kept, the oldest is ${compacted + 1}; list again`);
    if (from > head + 1) throw new StoreError('EHISTORY', `revision ${from} is not of this store, which is at ${head}; list again`);
    const last = Math.min(head, from + revisions - 1);
    const changes: Change[] = [];
    for (const row of this.#statements.changes.iterate(from, last, prefix, prefixEnd(prefix) ?? null) as Iterable<unknown>) {
      const { revision, key, value, created } = row as ChangeRow;
      if (changes.at(-1)?.revision !== revision) changes.push({ revision, events: [] });
      changes
        .at(-1)!
        .events.push(
          value === null ? { type: 'delete', key, revision } : { type: 'put', entry: { key, value, revision, created: created! } },
        );
    }
    return { changes, next: last + 1 };
  }

  addLease(ttlSeconds: number): LeaseId {
    const { id } = this.#statements.addLease.get(ttlSeconds, this.#boot, monotonicNow() + ttlSeconds * 1000)!;
    return String(id);
  }

  /** Whether the lease was still there. */
  renewLease(id: LeaseId): boolean {
    return this.#statements.renewLease.run(monotonicNow(), id).changes === 1;
  }

  endLease(id: LeaseId): void {
    const keys = this.#statements.leaseKeys.all(id) as { key: string }[];
    this.#statements.deleteLease.run(id);
    this.#apply(keys.map(({ key }) => ({ delete: key })));
  }

  /** Leases whose time is over, and those of processes that ran before the machine's last boot. */
  expiredLeases(): LeaseId[] {
    return this.#statements.expired.all(this.#boot, monotonicNow()).map(({ id }) => String(id));
  }

  /** Returns the store's revision afterwards. */
  #apply(operations: Operation[]): number {
    const { revision: before } = this.state();
    const revision = before + 1;
    let written = this.#statements.written() ?? 0;
    let ordinal = 0;
    for (const operation of operations) {
      if ('delete' in operation) {
        if (this.#statements.delete.run(operation.delete).changes === 0) continue;
        this.#statements.log.run(revision, ordinal++, operation.delete, null, null, written);
      } else {
        const { put: key, value, lease } = operation;
        if (lease !== undefined && !this.#statements.leaseExists.get(lease)) {
          throw new StoreError('ELEASE', `lease ${lease} for ${key} has expired or was revoked; take a new one`);
        }
        const created = this.#statements.put(key, value, revision, lease ?? null)!;
        written += Buffer.byteLength(value);
        this.#statements.log.run(revision, ordinal++, key, value, created, written);
      }
    }
    if (ordinal === 0) return before;
    this.#statements.setRevision.run(revision);
    this.#revisionsMade++;
    if (revision % this.#retention.step === 0) this.#forgetOld(revision, written);
    return revision;
  }

  #forgetOld(head: number, written: number): void {
    let compacted = (this.#statements.tooMany.get(this.#retention.changes)?.revision ?? 0) as number;
    for (const row of this.#statements.tooLarge.iterate() as Iterable<unknown>) {
      const oldest = row as { revision: number; written: number };
      if (written - oldest.written <= this.#retention.octets) break;
      compacted = Math.max(compacted, oldest.revision);
    }
    // The newest revision stays: who has just listed must be able to watch.
    compacted = Math.min(compacted, head - 1);
    if (compacted <= this.state().compacted) return;
    this.#statements.forget.run(compacted);
    this.#statements.setCompacted.run(compacted);
  }
}
