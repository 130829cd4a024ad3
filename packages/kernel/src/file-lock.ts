/** Locks between processes, by flock(2): they end with the process that holds them, also when it is killed. */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KernelError } from './error.ts';
import { errno, flock } from './libc.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EAGAIN = 11;
const EINTR = 4;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 25;

export interface FileLockOptions {
  /** Milliseconds to wait for whoever holds it; default 0: refuse at once. */
  wait?: number;
  /** Together with other shared ones; default false. */
  shared?: boolean;
  signal?: AbortSignal;
}

/** A lock that is held. `release` may be called more than once. */
export class FileLock {
  readonly path: string;
  #fd: number | undefined;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  release(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Locks a file, which is made if need be (its folder is not) and stays. Throws KernelError EAGAIN when another holds it and `wait` is over.
 *
 * It asks again and again with growing pauses rather than block in flock(2) on a worker thread: such a thread could not be called back
 * when the time is up, and libuv has only four.
 */
export async function fileLock(path: string, options: FileLockOptions = {}): Promise<FileLock> {
  const { wait = 0, shared = false, signal } = options;
  const until = performance.now() + wait;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const lock = tryLock(path, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
    if (lock) return lock;
    const left = until - performance.now();
    if (left <= 0) {
      throw new KernelError(EAGAIN, `flock ${path}`, {
        extendedAck: `another process holds it${wait > 0 ? `, still after ${wait} ms` : ''}`,
      });
    }
    await delay(Math.min(pause, left), undefined, signal && { signal });
  }
}

function tryLock(path: string, operation: number): FileLock | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'a', 0o600);
  } catch (error) {
    throw KernelError.from(error, `flock ${path}`);
  }
  if (flock(fd, operation) < 0) {
    const number = errno();
    closeSync(fd);
    if (number === EAGAIN || number === EINTR) return undefined;
    throw new KernelError(number, `flock ${path}`);
  }
  // Whoever had it may have removed the file meanwhile: what is locked then is a file that nobody else will find.
  if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return new FileLock(path, fd);
  closeSync(fd);
  return undefined;
}
