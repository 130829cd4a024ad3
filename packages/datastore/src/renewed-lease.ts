import type { Lease, LeaseId } from './store.ts';

export interface RenewedLeaseOptions {
  id: LeaseId;
  ttlSeconds: number;
  /** Resolves to whether the lease was still there; rejects when the store did not answer. */
  renew(): Promise<boolean>;
  end(): Promise<void>;
}

/** Renews itself three times per ttl, as etcd's own clients do. Its timer does not keep the process alive. */
export class RenewedLease implements Lease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  readonly lost: Promise<void>;
  readonly #options: RenewedLeaseOptions;
  readonly #lose: () => void;
  readonly #timer: NodeJS.Timeout;
  #renewed = performance.now();
  #renewing = false;
  #stopped = false;

  constructor(options: RenewedLeaseOptions) {
    this.id = options.id;
    this.ttlSeconds = options.ttlSeconds;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.lost = promise;
    this.#lose = resolve;
    this.#timer = setInterval(() => this.#renew(), (options.ttlSeconds * 1000) / 3).unref();
  }

  /** Ends the renewals; the lease is left to expire. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async revoke(): Promise<void> {
    this.stop();
    await this.#options.end();
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const started = performance.now();
    let alive: boolean;
    try {
      alive = await this.#options.renew();
      this.#renewed = started;
    } catch {
      // The store did not answer. The next turn tries again; past the ttl, the holder must count on the lease having run out.
      alive = performance.now() - this.#renewed < this.ttlSeconds * 1000;
    }
    this.#renewing = false;
    if (alive || this.#stopped) return;
    this.stop();
    this.#lose();
  }
}
