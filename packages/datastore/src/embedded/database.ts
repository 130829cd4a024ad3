import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store-error.ts';

const FORMAT = 1;

// Values come last: what stands behind a long one is found by way of all of its pages.
// `changes.written` counts the octets of values ever logged up to and including the row: the size of any stretch of the log is one subtraction.
const SCHEMA = `
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, compacted INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES (1, 1, 0);
  CREATE TABLE entries (key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL, lease INTEGER, value TEXT NOT NULL) STRICT;
  CREATE INDEX entries_lease ON entries (lease) WHERE lease IS NOT NULL;
  CREATE TABLE changes (revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER, written INTEGER NOT NULL, value TEXT,
    PRIMARY KEY (revision, ordinal)) STRICT, WITHOUT ROWID;
  CREATE TABLE leases (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl INTEGER NOT NULL, boot TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
  CREATE INDEX leases_expiry ON leases (boot, expires);
  PRAGMA user_version = ${FORMAT};
`;

/** For the file to be made, by this process or by another one. */
const OPEN_MILLISECONDS = 5000;

/** SQLite waits this long for another process' lock within one call; longer waits are given back to the event loop. */
const BUSY_MILLISECONDS = 5;

/**
 * Opens the file, making it and its folder if need be; only its owner can read it.
 * WAL with synchronous=NORMAL: a killed process loses nothing that was committed and the file stays consistent;
 * a power cut may lose the last transactions, never consistency (https://sqlite.org/pragma.html#pragma_synchronous).
 */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: OPEN_MILLISECONDS });
  try {
    // A file that is being made by several processes at once: the switch to WAL and the schema need the lock, once, so here waiting is right.
    switchToWal(database);
    database.exec('PRAGMA synchronous = NORMAL');
    if (formatOf(database) === 0) createSchema(database);
    const format = formatOf(database);
    if (format !== FORMAT) {
      throw new StoreError(
        'EINVAL',
        `${path} has store format ${format}, this version of Weir reads format ${FORMAT}; use the Weir that wrote it`,
      );
    }
    database.exec(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** For the switch SQLite wants the file for itself, and where somebody else is at the same, it does not wait for its timeout, but refuses. */
function switchToWal(database: DatabaseSync): void {
  const deadline = performance.now() + OPEN_MILLISECONDS;
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 4);
  }
}

/** SQLITE_BUSY and its extended codes: https://sqlite.org/rescode.html#busy */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5;
}

function formatOf(database: DatabaseSync): number {
  return database.prepare('PRAGMA user_version').get()!.user_version as number;
}

function createSchema(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been first.
    if (formatOf(database) === 0) database.exec(SCHEMA);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
