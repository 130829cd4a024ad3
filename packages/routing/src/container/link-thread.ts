/**
 * Attaches containers on a thread of its own, while the caller does what needs no link: the kernel takes a millisecond for one, of which half is
 * the veth. The thread lives in the namespace that it was begun in.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type Attaching, attachmentOf, type LinkRequest, type LinkSettings } from './attach.ts';
import { receivedError, type SentError } from './error-between-threads.ts';

/** What the thread is told. A number stands for one attachment. */
export type Order =
  | { id: number; begin: ThreadRequest }
  /** Answered, as the next one. */
  | { id: number; finish: LinkSettings }
  | { id: number; abandon: true };

export interface Answer {
  id: number;
  error?: SentError;
}

/** Sockets are the thread's own. */
export type ThreadRequest = Omit<LinkRequest, 'hostSocket'>;

export class LinkThread {
  readonly #channel = new MessageChannel();
  /** It closes what koffi has opened, which Node knows nothing of. */
  readonly #worker = new Worker(new URL('link-thread-program.ts', import.meta.url), {
    workerData: this.#channel.port2,
    transferList: [this.#channel.port2],
    trackUnmanagedFds: false,
  });
  readonly #awaited = new Map<number, PromiseWithResolvers<void>>();
  #begun = 0;

  constructor() {
    this.#channel.port1.on('message', (answer: Answer) => this.#hear(answer));
  }

  /** Hears of what has ended by now, for which a turn of the event loop would have to be waited else. */
  hearNow(): void {
    for (;;) {
      const next = receiveMessageOnPort(this.#channel.port1);
      if (next === undefined) return;
      this.#hear(next.message as Answer);
    }
  }

  /** As `beginAttach`. */
  attach(request: ThreadRequest): Attaching {
    const id = ++this.#begun;
    this.#tell({ id, begin: request });
    return {
      attachmentWith: (settings) => attachmentOf({ ...request, ...settings }),
      finish: (settings) => this.#ask({ id, finish: settings }),
      abandon: () => this.#ask({ id, abandon: true }),
    };
  }

  /** To be called when every attachment has ended. */
  async close(): Promise<void> {
    await this.#worker.terminate();
    this.#channel.port1.close();
  }

  #tell(order: Order): void {
    this.#channel.port1.postMessage(order);
  }

  #ask(order: Order): Promise<void> {
    const awaited = Promise.withResolvers<void>();
    this.#awaited.set(order.id, awaited);
    this.#tell(order);
    return awaited.promise;
  }

  #hear({ id, error }: Answer): void {
    const awaited = this.#awaited.get(id);
    this.#awaited.delete(id);
    if (error === undefined) awaited?.resolve();
    else awaited?.reject(receivedError(error));
  }
}
