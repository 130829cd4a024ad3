import type { Lease, LeaseId } from '../store.ts';

export interface EmbeddedLeaseOptions {
  id: LeaseId;
  ttlSeconds: number;
  /** Resolves to whether the lease was still there. */
  renew(): Promise<boolean>;
  end(): Promise<void>;
}

/** Renews itself three times per ttl, as etcd's own clients do. Its timer does not keep the process alive. */
export class EmbeddedLease implements Lease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  readonly lost: Promise<void>;
  readonly #end: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;

  constructor({ id, ttlSeconds, renew, end }: EmbeddedLeaseOptions) {
    this.id = id;
    this.ttlSeconds = ttlSeconds;
    this.#end = end;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.lost = promise;
    this.#timer = setInterval(
      () => {
        renew().then(
          (alive) => {
            if (alive) return;
            this.stop();
            resolve();
          },
          // The file could not be written now; the next renewal tries again, and tells if it came too late.
          () => {},
        );
      },
      (ttlSeconds * 1000) / 3,
    ).unref();
  }

  /** Ends the renewals; the lease is left to expire. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async revoke(): Promise<void> {
    this.stop();
    await this.#end();
  }
}
