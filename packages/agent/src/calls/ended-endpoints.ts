/** Containers whose endpoint went lately, on whichever host: their addresses are on their way back. */
import type { Owner } from '@weir/ipam';
import { ownerKey } from './attachments.ts';

/** How long an end is remembered, ms: a release that takes longer does not come. */
const MEMORY = 10_000;

export class EndedEndpoints {
  /** When each ended, ms of the monotonic clock, the earliest first. */
  readonly #endedAt = new Map<string, number>();

  note(owner: Owner, now = performance.now()): void {
    const key = ownerKey(owner);
    this.#endedAt.delete(key);
    this.#endedAt.set(key, now);
    for (const [oldest, endedAt] of this.#endedAt) {
      if (now - endedAt <= MEMORY) return;
      this.#endedAt.delete(oldest);
    }
  }

  has(owner: Owner, now = performance.now()): boolean {
    return now - (this.#endedAt.get(ownerKey(owner)) ?? Number.NEGATIVE_INFINITY) <= MEMORY;
  }
}
