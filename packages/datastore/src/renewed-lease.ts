import type { Lease, LeaseId } from './store.ts';

export interface RenewedLeaseOptions {
  id: LeaseId;
  ttlSeconds: number;
  /** Resolves to whether the lease was still there; rejects when the store did not answer. */
  renew(): Promise<boolean>;
  end(): Promise<void>;
}

/** Of a lease of hours, a renewal that failed is tried again this soon, in milliseconds. */
const RETRY = 60_000;

/** Renews itself three times per ttl, as etcd's own clients do. Its timer does not keep the process alive. */
export class RenewedLease implements Lease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  readonly lost: Promise<void>;
  readonly #options: RenewedLeaseOptions;
  readonly #lose: () => void;
  #timer: NodeJS.Timeout;
  #renewed = performance.now();
  #stopped = false;

  constructor(options: RenewedLeaseOptions) {
    this.id = options.id;
    this.ttlSeconds = options.ttlSeconds;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.lost = promise;
    this.#lose = resolve;
    this.#timer = this.#renewIn(this.#interval);
  }

  /** Ends the renewals; the lease is left to expire. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async revoke(): Promise<void> {
    this.stop();
    await this.#options.end();
  }

  get #interval(): number {
    return (this.ttlSeconds * 1000) / 3;
  }

  #renewIn(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#renew(), milliseconds).unref();
  }

  async #renew(): Promise<void> {
    const started = performance.now();
    let alive: boolean;
    let pause = this.#interval;
    try {
      alive = await this.#options.renew();
      this.#renewed = started;
    } catch {
      // The store did not answer. The next turn tries again; past the ttl, the holder must count on the lease having run out.
      pause = Math.min(pause, RETRY);
      alive = performance.now() - this.#renewed < this.ttlSeconds * 1000;
    }
    if (this.#stopped) return;
    if (alive) {
      this.#timer = this.#renewIn(Math.max(0, pause - (performance.now() - started)));
      return;
    }
    this.stop();
    this.#lose();
  }
}
