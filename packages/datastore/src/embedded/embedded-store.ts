import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { checkFrom, checkKey, checkTransaction, checkTtl } from '../check-transaction.ts';
import { RenewedLease } from '../renewed-lease.ts';
import type { Change, Entry, Lease, ListOptions, Store, Transaction, TransactionResult, WatchOptions } from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { EmbeddedOptions } from '../store-options.ts';
import { Wakeup } from '../wakeup.ts';
import { isBusy, openDatabase } from './database.ts';
import { Doorbell } from './doorbell.ts';
import { letEventLoopTurn } from './event-loop-turn.ts';
import { type Retention, Tables } from './tables.ts';

const RETENTION: Retention = { changes: 10_000, octets: 64 * 1024 * 1024, step: 100 };

/** Finds what the doorbell missed: a writer killed between commit and ring, leases whose holder died. */
const POLL_MILLISECONDS = 200;

/** From the first commit that a watch hears of until it reads. */
const GATHER_MILLISECONDS = 1;

/** Revisions that a watch reads before it lets the event loop turn. */
const REVISIONS_PER_READ = 200;

/** Opens the embedded store. See `EmbeddedStore`. `retention` is for tests. */
export function openEmbeddedStore(options: Omit<EmbeddedOptions, 'backend'>, retention: Partial<Retention> = {}): EmbeddedStore {
  return new EmbeddedStore(options, { ...RETENTION, ...retention });
}

/**
 * A store in one SQLite file on a local disk, for the processes of one machine. Nothing runs but these processes.
 *
 * Calls are synchronous within SQLite and short; waiting for another process' transaction is done off the event loop,
 * up to `timeoutMilliseconds`, then EUNAVAILABLE. A commit survives the death of the process (synchronous=NORMAL in WAL mode);
 * a power cut may take the last commits but never breaks the file. Watches of other processes hear of a commit by inotify.
 * A file that is put in the place of the one that is open is not used: SQLite's log beside it is the other one's. Each call then fails.
 * The last 10,000 changes, or the last 64 MiB of values, are kept for watches.
 */
export class EmbeddedStore implements Store {
  readonly #path: string;
  readonly #timeout: number;
  readonly #database: DatabaseSync;
  readonly #tables: Tables;
  /** The begin and the end of transactions. */
  readonly #frame: Record<'reading' | 'writing' | 'commit', StatementSync>;
  readonly #doorbell: Doorbell;
  readonly #changed = new Wakeup();
  readonly #leases = new Set<RenewedLease>();
  readonly #file: string;
  #isReplaced = false;
  #watches = 0;
  #poll: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ path, timeoutMilliseconds }: Omit<EmbeddedOptions, 'backend'>, retention: Retention) {
    this.#path = path;
    this.#timeout = timeoutMilliseconds;
    try {
      this.#database = openDatabase(path);
      this.#file = identityOf(path)!;
      this.#tables = new Tables(this.#database, retention);
      const prepared = (text: string) => this.#database.prepare(text);
      this.#frame = { reading: prepared('BEGIN'), writing: prepared('BEGIN IMMEDIATE'), commit: prepared('COMMIT') };
      this.#doorbell = new Doorbell(`${path}-bell`);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    await this.#expireLeases();
    return this.#attempt(() => this.#tables.get(key));
  }

  async list(prefix: string, options: ListOptions = {}): Promise<{ entries: Entry[]; revision: number }> {
    await this.#expireLeases();
    return this.#attempt(() =>
      this.#within('reading', () => ({ entries: this.#tables.list(prefix, options), revision: this.#tables.state().revision })),
    );
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    return this.#write(() => this.#tables.transact(transaction.when, transaction.then));
  }

  async *watch(prefix: string, { from, signal }: WatchOptions): AsyncGenerator<Change> {
    checkFrom(from);
    this.#startListening();
    const wake = () => this.#changed.wake();
    signal?.addEventListener('abort', wake);
    try {
      let next = from;
      while (!signal?.aborted) {
        const changed = this.#changed.next;
        const read = await this.#attempt(() => this.#within('reading', () => this.#tables.changes(prefix, next, REVISIONS_PER_READ)));
        for (const change of read.changes) {
          if (signal?.aborted) return;
          yield change;
        }
        if (read.next === next) {
          await changed;
          // A writer of this process goes on first, with what it writes next too, and commits that come together are read together.
          await setTimeout(GATHER_MILLISECONDS);
        }
        next = read.next;
      }
    } finally {
      signal?.removeEventListener('abort', wake);
      this.#stopListening();
    }
  }

  async lease(ttlSeconds: number): Promise<Lease> {
    checkTtl(ttlSeconds);
    const id = await this.#write(() => this.#tables.addLease(ttlSeconds));
    const lease = new RenewedLease({
      id,
      ttlSeconds,
      renew: () => this.#write(() => this.#tables.renewLease(id)),
      end: async () => {
        this.#leases.delete(lease);
        await this.#write(() => this.#tables.endLease(id));
      },
    });
    this.#leases.add(lease);
    return lease;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const lease of this.#leases) lease.stop();
    clearInterval(this.#poll);
    this.#doorbell.close();
    // SQLite would remove the log that is there by now, which may be somebody else's.
    if (!this.#isReplaced) this.#database.close();
    this.#changed.wake();
  }

  /** Any process that looks ends the leases that are over, so that a process that died keeps none. */
  async #expireLeases(): Promise<void> {
    if ((await this.#attempt(() => this.#tables.expiredLeases())).length > 0) await this.#write(() => {});
  }

  /** In a transaction that begins with the end of leases that are over. A look at the file outside of it would take its locks once more. */
  async #write<Result>(action: () => Result): Promise<Result> {
    const { result, wrote } = await this.#attempt(() =>
      this.#within('writing', () => {
        const before = this.#tables.revisionsMade;
        for (const id of this.#tables.expiredLeases()) this.#tables.endLease(id);
        const result = action();
        return { result, wrote: this.#tables.revisionsMade !== before };
      }),
    );
    if (wrote) {
      this.#doorbell.ring();
      this.#changed.wake();
    }
    return result;
  }

  #within<Result>(begin: 'reading' | 'writing', action: () => Result): Result {
    this.#frame[begin].run();
    try {
      const result = action();
      this.#frame.commit.run();
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Runs `action` at once; while another process holds the lock, again after a few milliseconds. */
  async #attempt<Result>(action: () => Result): Promise<Result> {
    await letEventLoopTurn();
    const deadline = performance.now() + this.#timeout;
    for (;;) {
      if (this.#closed) throw new StoreError('ECLOSED', `the store ${this.#path} was closed`);
      if (this.#isReplaced) throw replaced(this.#path);
      try {
        return action();
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw this.#failure(error);
      }
      await setTimeout(1 + Math.random() * 4);
    }
  }

  #failure(error: unknown): unknown {
    if (error instanceof StoreError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    const advice = isBusy(error)
      ? `another process held it locked for ${this.#timeout} ms; look for one that hangs (fuser ${this.#path})`
      : `check that its folder exists on a local disk, may be written by this user and has space left`;
    return new StoreError('EUNAVAILABLE', `embedded store ${this.#path}: ${reason}; ${advice}`, { cause: error });
  }

  #startListening(): void {
    if (this.#watches++ > 0 || this.#closed) return;
    this.#doorbell.listen(() => this.#changed.wake());
    this.#poll = setInterval(() => {
      // For good: whoever puts the first one back may have had another program change it.
      const file = identityOf(this.#path);
      this.#isReplaced ||= file !== undefined && file !== this.#file;
      // A failure shows in the watches, which read the same file on this wake-up.
      this.#expireLeases().catch(() => {});
      this.#changed.wake();
    }, POLL_MILLISECONDS);
  }

  #stopListening(): void {
    if (--this.#watches > 0) return;
    this.#doorbell.unlisten();
    clearInterval(this.#poll);
  }
}

/** Undefined while there is none. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

function replaced(path: string): StoreError {
  return new StoreError(
    'EUNAVAILABLE',
    `embedded store ${path}: another file was put in its place while it was in use; stop all agents and \`weir api\` of this machine, put the file that you want there once more, without ${path}-wal and ${path}-shm beside it, and start them again`,
  );
}
