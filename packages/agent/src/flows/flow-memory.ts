/** Pure: the records of the last hour, as far as they have room. */
import type { FlowRecord, FlowTest } from '@weir/resources';

/** At some 700 bytes each. */
const MAX_RECORDS = 20_000;
const MAX_AGE = 3_600_000;

export class FlowMemory {
  #records: FlowRecord[] = [];

  /** @param now ms since 1970 */
  add(records: readonly FlowRecord[], now: number): void {
    const kept = this.#records.slice(-Math.max(0, MAX_RECORDS - records.length)).filter(({ end }) => now - Date.parse(end) <= MAX_AGE);
    this.#records = [...kept, ...records].slice(-MAX_RECORDS);
  }

  /** The latest that pass the test, by age; `dropped` counts those beyond the limit. */
  find(isWanted: FlowTest, limit: number): { records: FlowRecord[]; dropped: number } {
    const found = this.#records.filter(isWanted);
    return { records: found.slice(-limit), dropped: Math.max(0, found.length - limit) };
  }
}
