import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';

const BYTE = new Uint8Array([0x21]);

/** Commits of so many milliseconds are rung for once: this process hears its own bell, too, and is to go on first with what it does. */
const GATHER_MILLISECONDS = 1;

/**
 * Tells other processes that a transaction was committed: its writer rings by writing a byte to a file beside the database, which the others watch (inotify).
 * Watching the -wal file instead would wake them before the commit can be seen: SQLite publishes it in shared memory, after the file's last write.
 */
export class Doorbell {
  readonly #path: string;
  readonly #descriptor: number;
  #watcher: FSWatcher | undefined;
  #ringing: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** Rings soon, at the latest with `close()`. */
  ring(): void {
    this.#ringing ??= setTimeout(() => this.#ringNow(), GATHER_MILLISECONDS);
  }

  #ringNow(): void {
    clearTimeout(this.#ringing);
    this.#ringing = undefined;
    try {
      writeSync(this.#descriptor, BYTE, 0, 1, 0);
    } catch {
      // A full disk: what was committed is, and others find it by their slow poll.
    }
  }

  /** Keeps the process alive until `unlisten()`. A watcher that fails is left to the caller's slow poll. */
  listen(heard: () => void): void {
    this.#watcher ??= watch(this.#path, heard).on('error', () => this.unlisten());
  }

  unlisten(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  close(): void {
    this.unlisten();
    if (this.#ringing !== undefined) this.#ringNow();
    closeSync(this.#descriptor);
  }
}
