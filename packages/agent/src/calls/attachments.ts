/** Who an attachment belongs to: one interface of one container. */
export interface Owner {
  containerId: string;
  interfaceName: string;
}

/** Hands over work that may go on after the call's answer; the next call for the same interface waits for it. */
export type Later = (work: Promise<unknown>) => void;

/**
 * CNI calls for one interface of one container run one after the other, in the order in which they came; others run side by side.
 * A DEL that arrives while the ADD still runs (a Mesos agent that was killed and restarted does that) waits for it and undoes it;
 * an ADD right after a DEL waits until the old link is gone and the old address given back.
 */
export class Attachments {
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #watches = new Set<Set<string>>();

  /** True while a call for this interface runs or its later work is not done. */
  isBusy(owner: Owner): boolean {
    return this.#tails.has(ownerKey(owner));
  }

  get busy(): number {
    return this.#tails.size;
  }

  async run<T>(owner: Owner, call: (later: Later) => Promise<T>): Promise<T> {
    const key = ownerKey(owner);
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const works: Promise<unknown>[] = [];
    const answer = previous.then(() => call((work) => works.push(work)));
    const tail = Promise.allSettled([answer]).then(() => Promise.allSettled(works));
    this.#tails.set(key, tail);
    for (const watch of this.#watches) watch.add(key);
    tail.finally(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return answer;
  }

  /** Notes who has a call under way, from now until it is disposed of. */
  watch(): Disposable & { had(owner: Owner): boolean } {
    const seen = new Set(this.#tails.keys());
    this.#watches.add(seen);
    return { had: (owner) => seen.has(ownerKey(owner)), [Symbol.dispose]: () => void this.#watches.delete(seen) };
  }

  /** Resolves when no call and no later work is under way. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

/** One text for one owner, for maps. */
export function ownerKey(owner: Owner): string {
  return `${owner.containerId}\0${owner.interfaceName}`;
}
