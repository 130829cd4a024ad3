/**
 * Which hosts are taken for dead: those whose sign of life has been gone for a while. The while begins anew whenever this agent itself lost
 * sight of the store, so that an outage of the store kills nobody.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Store, StoreError } from '@weir/datastore';
import { presenceKey } from '@weir/resources';

const RETRY = 1_000;

export interface SilentHostsOptions {
  store: Store;
  /** Names of all hosts. */
  hosts: () => Iterable<string>;
  /** Milliseconds without a sign of life. */
  patience: number;
  /** Told of each change. */
  onChange: (dead: ReadonlySet<string>) => void;
}

export class SilentHosts {
  readonly #options: SilentHostsOptions;
  readonly #present = new Set<string>();
  /** Hosts without a sign of life, and since when. */
  readonly #missing = new Map<string, number>();
  #dead: ReadonlySet<string> = new Set();
  #isSeeing = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SilentHostsOptions) {
    this.#options = options;
  }

  /** Follows the signs of life until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#followOnce(signal);
      } catch (error) {
        if (!(error instanceof StoreError) || error.code === 'ECLOSED') throw error;
      }
      // What happens now is not seen: nobody is missed on the ground of it.
      this.#isSeeing = false;
      clearTimeout(this.#timer);
      await delay(RETRY, undefined, { signal }).catch(() => {});
    }
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const prefix = presenceKey();
    const { entries, revision } = await store.list(prefix);
    this.#present.clear();
    this.#missing.clear();
    for (const { key } of entries) this.#present.add(key.slice(prefix.length));
    this.#isSeeing = true;
    this.look();
    for await (const { events } of store.watch(prefix, { from: revision + 1, signal })) {
      for (const event of events) {
        if (event.type === 'put') this.#present.add(event.entry.key.slice(prefix.length));
        else this.#present.delete(event.key.slice(prefix.length));
      }
      this.look();
    }
  }

  /** To be called when there may be other hosts than before, too. */
  look(): void {
    if (!this.#isSeeing) return;
    const now = performance.now();
    const hosts = new Set(this.#options.hosts());
    for (const host of hosts) {
      if (this.#present.has(host)) this.#missing.delete(host);
      else if (!this.#missing.has(host)) this.#missing.set(host, now);
    }
    for (const host of this.#missing.keys()) if (!hosts.has(host)) this.#missing.delete(host);
    const { patience, onChange } = this.#options;
    const dead = new Set([...this.#missing].flatMap(([host, since]) => (now - since >= patience ? [host] : [])));
    // A dead host stays dead until it is seen, also when the store was out of sight meanwhile.
    for (const host of this.#dead) if (this.#missing.has(host)) dead.add(host);
    const waits = [...this.#missing].flatMap(([host, since]) => (dead.has(host) ? [] : [since + patience - now]));
    clearTimeout(this.#timer);
    if (waits.length > 0) this.#timer = setTimeout(() => this.look(), Math.min(...waits) + 1);
    if (dead.symmetricDifference(this.#dead).size === 0) return;
    this.#dead = dead;
    onChange(dead);
  }
}
