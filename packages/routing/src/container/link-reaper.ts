/** Removes links, many at a time. */
import { KernelError, type Netlink } from '@weir/kernel';

/**
 * The group that doomed links are put in: 'weir' in ASCII. Its number means nothing to anyone else, and two processes may share it:
 * whatever is in it is to be removed.
 */
const DOOMED = 0x77656972;

interface Doomed {
  name: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The kernel waits for all readers of a link (RCU, tens of milliseconds) before it removes it, one link after the other, under a lock that
 * all other network configuration needs. Links of one group are removed with one wait, so those that are asked for while
 * a removal is under way go together in the next.
 */
export class LinkReaper {
  readonly #netlink: Netlink;
  #waiting: Doomed[] = [];
  #round: Promise<void> | undefined;

  /** @param netlink of the host's namespace; the caller closes it, after `close()`. */
  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Resolves once the kernel has removed the link, with its peer, its addresses and its routes; at once when there is none. */
  remove(hostInterface: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ name: hostInterface, resolve, reject });
    this.#round ??= this.#run();
    return promise;
  }

  /** Resolves when no removal is under way. */
  async close(): Promise<void> {
    await this.#round;
  }

  async #run(): Promise<void> {
    // Calls made in the same turn of the event loop go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#removeTogether(this.#waiting.splice(0));
    this.#round = undefined;
  }

  async #removeTogether(doomed: Doomed[]): Promise<void> {
    const marked = doomed.filter((link) => this.#mark(link));
    if (marked.length === 0) return;
    try {
      await this.#netlink.deleteLinkGroup(DOOMED);
      for (const { resolve } of marked) resolve();
    } catch (error) {
      // One that the kernel does not remove (no link of ours) would have it refuse every later removal of the group.
      for (const { reject } of marked) reject(error);
      for (const { name } of marked) this.#unmark(name);
    }
  }

  #unmark(name: string): void {
    try {
      this.#netlink.setLink(name, { group: 0 });
    } catch {
      // It is gone meanwhile, or stays marked; whoever asked has been told why it could not be removed.
    }
  }

  #mark({ name, resolve, reject }: Doomed): boolean {
    try {
      this.#netlink.setLink(name, { group: DOOMED });
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENODEV') resolve();
      else reject(error);
      return false;
    }
  }
}
