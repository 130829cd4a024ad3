/** Pure: the records of the last hour, as far as they have room. */
import type { FlowRecord, FlowTest } from '@weir/resources';

/** At some 700 bytes each. */
const MAX_RECORDS = 20_000;
const MAX_AGE = 3_600_000;

export class FlowMemory {
  #records: FlowRecord[] = [];
  #since: number;

  /** @param now ms since 1970: what was before nobody remembers */
  constructor(now: number) {
    this.#since = now;
  }

  /** Since when nothing is missing that was recorded, ms since 1970. */
  get since(): number {
    return this.#since;
  }

  /** @param now ms since 1970 */
  add(records: readonly FlowRecord[], now: number): void {
    const all = [...this.#records.filter(({ end }) => now - Date.parse(end) <= MAX_AGE), ...records];
    const lost = all.length > MAX_RECORDS ? Date.parse(all[all.length - MAX_RECORDS - 1]!.end) + 1 : 0;
    this.#since = Math.max(this.#since, now - MAX_AGE, lost);
    this.#records = all.slice(-MAX_RECORDS);
  }

  /** The latest that pass the test, by age; `dropped` counts those beyond the limit. */
  find(isWanted: FlowTest, limit: number): { records: FlowRecord[]; dropped: number } {
    const found = this.#records.filter(isWanted);
    return { records: found.slice(-limit), dropped: Math.max(0, found.length - limit) };
  }
}
