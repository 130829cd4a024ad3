/**
 * Pure but for its memory: containers that the Mesos agent once knew, and denies now. What is due is counted over its answers alone: while
 * it is away nothing gets older, and after an outage the count begins anew, since a Mesos agent that starts knows nothing at first.
 */
import type { Endpoint } from '@weir/resources';
import { ownerKey } from '../calls/attachments.ts';

export class UnknownContainers {
  readonly #graceMilliseconds: number;
  readonly #since = new Map<string, number>();

  constructor(options: { graceSeconds: number }) {
    this.#graceMilliseconds = options.graceSeconds * 1000;
  }

  forget(): void {
    this.#since.clear();
  }

  /**
   * @param known ids of the containers that the Mesos agent tells of
   * @param now milliseconds of a clock that does not jump
   * @returns the endpoints that have been unknown for long enough. One whose task was never known may be another runtime's, or hidden from us by the Mesos agent's access rules
   */
  overdue(endpoints: readonly Endpoint[], known: { has(containerId: string): boolean }, now = performance.now()): Endpoint[] {
    const unknown = endpoints.filter(
      ({ spec }) => spec.mesos?.task !== undefined && !known.has(spec.containerId) && !known.has(rootOf(spec.containerId)),
    );
    const keys = new Set(unknown.map(({ spec }) => ownerKey(spec)));
    for (const key of this.#since.keys()) if (!keys.has(key)) this.#since.delete(key);
    return unknown.filter(({ spec }) => {
      const since = this.#since.get(ownerKey(spec)) ?? now;
      this.#since.set(ownerKey(spec), since);
      return now - since >= this.#graceMilliseconds;
    });
  }
}

/** Of a nested container's `parent.child`: it is told of by its own id only while its task says so, and its DEL comes before its parent's. */
function rootOf(containerId: string): string {
  return containerId.split('.', 1)[0]!;
}
