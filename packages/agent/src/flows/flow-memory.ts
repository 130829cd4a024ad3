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
    const dropped = new Set(leastWorth(all, all.length - MAX_RECORDS));
    const lost = [...dropped].reduce((latest, { end }) => Math.max(latest, Date.parse(end) + 1), 0);
    this.#since = Math.max(this.#since, now - MAX_AGE, lost);
    this.#records = dropped.size === 0 ? all : all.filter((record) => !dropped.has(record));
  }

  /** The latest that pass the test, by age; `dropped` counts those beyond the limit. */
  find(isWanted: FlowTest, limit: number): { records: FlowRecord[]; dropped: number } {
    const found = this.#records.filter(isWanted);
    return { records: found.slice(-limit), dropped: Math.max(0, found.length - limit) };
  }
}

/** The oldest of flows that only went on, of which there is one in each window; then the oldest. Some long flows are not to push out what was denied. */
function leastWorth(records: readonly FlowRecord[], count: number): FlowRecord[] {
  if (count <= 0) return [];
  const goesOn = ({ connections }: FlowRecord) => connections === 0;
  const first = records.filter(goesOn).slice(0, count);
  return [...first, ...records.filter((record) => !goesOn(record)).slice(0, count - first.length)];
}
