/** Pauses of a loop, one after the other, that may be cut short. */
import { setTimeout as delay } from 'node:timers/promises';

/**
 * `Promise.race` would do for one. In a loop it hangs something on each of its promises that stays until that promise is settled: of one that
 * tells of the end of the process, for as long as that runs.
 */
export class Pause {
  #cut = new AbortController();

  /** Ends the pause that is under way; where none is, the next one ends at once. */
  cut(): void {
    this.#cut.abort();
  }

  /** @param signal ends it too */
  async for(milliseconds: number, signal: AbortSignal): Promise<void> {
    await delay(milliseconds, undefined, { signal: AbortSignal.any([signal, this.#cut.signal]) }).catch(() => {});
    if (this.#cut.signal.aborted) this.#cut = new AbortController();
  }
}
