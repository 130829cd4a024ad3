import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';

const BYTE = new Uint8Array([0x21]);

/**
 * Tells other processes that a transaction was committed: its writer rings by writing a byte to a file beside the database, which the others watch (inotify).
 * Watching the -wal file instead would wake them before the commit can be seen: SQLite publishes it in shared memory, after the file's last write.
 */
export class Doorbell {
  readonly #path: string;
  readonly #descriptor: number;
  #watcher: FSWatcher | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  ring(): void {
    writeSync(this.#descriptor, BYTE, 0, 1, 0);
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
    closeSync(this.#descriptor);
  }
}
