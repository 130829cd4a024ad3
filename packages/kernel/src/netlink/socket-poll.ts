/** Reads a socket when the event loop finds that something has come by itself; no thread waits. */
import koffi from 'koffi';
import type { NetlinkSocket } from './socket.ts';

const READABLE = { readable: true };

export class SocketPoll {
  readonly #socket: NetlinkSocket;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  #isOpen = true;

  /**
   * Begins at once, owns the socket, and keeps the process alive while open.
   *
   * @param read takes all that has come; when it throws, the socket is closed
   * @param onFailure with what `read` threw: nothing can come any more
   */
  constructor(socket: NetlinkSocket, read: () => void, onFailure: (error: Error) => void) {
    this.#socket = socket;
    // koffi's types know nothing of the status, which comes first.
    const onReadable = (status: unknown): void => {
      try {
        read();
        // A socket in which messages were lost has an error, at which libuv stops to watch it. `read` has taken the error away.
        if (status !== 0 && this.#isOpen) this.#poll.start(READABLE, onReadable);
      } catch (error) {
        this.close();
        onFailure(error as Error);
      }
    };
    this.#poll = koffi.node.poll(socket.fd, READABLE, onReadable);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#poll.close();
    this.#socket.close();
  }
}
