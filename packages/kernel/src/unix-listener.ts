/** A listening unix socket whose connections are plain descriptors: a short exchange needs no stream, whose making takes longer than the exchange. */
import { chmodSync, closeSync, rmSync } from 'node:fs';
import koffi from 'koffi';
import { KernelError } from './error.ts';
import { accept4, bind, checked, errno, listen, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, socket } from './libc.ts';
import { AF_UNIX, unixAddress } from './socket-address.ts';

const EAGAIN = 11;
const EINTR = 4;
const ECONNABORTED = 103;
/** Connections that wait to be taken; more wait in connect(2). As Node has it. */
const BACKLOG = 511;
/** After a connection could not be taken, for want of descriptors say, ms: it is still there, and would be told of at once. */
const PAUSE = 100;
const READABLE = { readable: true };

export class UnixListener {
  readonly #path: string;
  readonly #fd: number;
  readonly #connected: (fd: number) => void;
  readonly #failed: (error: KernelError) => void;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  #pause: NodeJS.Timeout | undefined;

  /**
   * Listens from now on, in the place of whatever file is there, and keeps the process alive while open. Throws KernelError.
   *
   * @param options.mode of the socket's file, from the beginning
   * @param options.connected is given each connection, non-blocking, and has to close it
   * @param options.failed is told why one could not be taken; it is tried again
   */
  constructor(
    path: string,
    { mode, connected, failed }: { mode: number; connected: (fd: number) => void; failed: (error: KernelError) => void },
  ) {
    const operation = `listen on ${path}`;
    const address = unixAddress(path);
    this.#path = path;
    this.#connected = connected;
    this.#failed = failed;
    this.#fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), operation);
    try {
      rmSync(path, { force: true });
      checked(bind(this.#fd, address, address.length), operation);
      chmodSync(path, mode);
      checked(listen(this.#fd, BACKLOG), operation);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    this.#poll = koffi.node.poll(this.#fd, READABLE, () => this.#takeAll());
  }

  #takeAll(): void {
    for (;;) {
      const fd = accept4(this.#fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        // Promises that a callback of koffi's settles wait for a turn of somebody else's.
        setImmediate(this.#connected, fd);
        continue;
      }
      const code = errno();
      if (code === EAGAIN) return;
      if (code === EINTR || code === ECONNABORTED) continue;
      this.#poll.stop();
      this.#pause = setTimeout(() => this.#poll.start(READABLE, () => this.#takeAll()), PAUSE);
      this.#failed(new KernelError(code, `take a connection on ${this.#path}`));
      return;
    }
  }

  /** Takes no more connections; those that were taken go on. */
  close(): void {
    clearTimeout(this.#pause);
    this.#poll.close();
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }
}
