/** What this host writes into the store of itself, kept in step: written again whenever it may be out of date, and until the store took it. */
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '@weir/datastore';
import { ValidationError } from '@weir/resources';
import type { Logger } from '../log.ts';

/** After a failure, in milliseconds. */
const RETRY = 2_000;

export class KeptFact {
  #stale = Promise.withResolvers<void>();

  /** It may be out of date. */
  touch(): void {
    this.#stale.resolve();
  }

  /**
   * Until the signal.
   *
   * @param write brings the store in step; its StoreErrors and ValidationErrors are told and tried again
   * @param of.failure what then goes wrong, for the log
   */
  async keep(write: () => Promise<void>, { signal, log, failure }: { signal: AbortSignal; log: Logger; failure: string }): Promise<void> {
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    for (;;) {
      await Promise.race([this.#stale.promise, stopped]);
      if (signal.aborted) return;
      this.#stale = Promise.withResolvers();
      try {
        await write();
      } catch (error) {
        // Among them: what is stored in its place is no valid object.
        if (!(error instanceof StoreError || error instanceof ValidationError)) throw error;
        log.warn({ error: error.message }, `${failure}: trying again`);
        await delay(RETRY, undefined, { signal }).catch(() => {});
        this.#stale.resolve();
      }
    }
  }
}
