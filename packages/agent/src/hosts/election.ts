/** One of several agents does a work for the cluster: who holds a key of the store, on a lease that does not outlive it for long. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Condition, type Store, StoreError } from '@weir/datastore';
import type { Logger } from '../log.ts';

export interface ElectionOptions {
  store: Store;
  /** What is led: `marathon`. */
  name: string;
  host: string;
  ttlSeconds: number;
  signal: AbortSignal;
  log: Logger;
}

/**
 * The work of who leads.
 *
 * @param signal ends with the lead
 * @param held holds for as long: on this condition nothing is written by who leads no more, and does not know it yet
 */
export type Lead = (signal: AbortSignal, held: Condition) => Promise<void>;

/** Until the signal: whenever this host leads, `work` runs. */
export async function whileLeading(options: ElectionOptions, work: Lead): Promise<void> {
  const { signal, ttlSeconds, name, log } = options;
  while (!signal.aborted) {
    try {
      await leadOnce(options, work);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!signal.aborted) log.warn({ name, error: error.message }, 'election: trying again');
    }
    await delay((ttlSeconds * 1000) / 3, undefined, { signal }).catch(() => {});
  }
}

async function leadOnce({ store, name, host, ttlSeconds, signal, log }: ElectionOptions, work: Lead): Promise<void> {
  const key = `/weir/leader/${name}`;
  if ((await store.get(key)) !== undefined) return;
  const lease = await store.lease(ttlSeconds);
  try {
    const result = await store.transact({ when: [{ key, revision: 0 }], then: [{ put: key, value: host, lease: lease.id }] });
    if (!result.committed) return;
    log.info({ name }, 'leading');
    const lead = new AbortController();
    void lease.lost.then(() => lead.abort());
    await work(AbortSignal.any([signal, lead.signal]), { key, revision: result.revision });
    log.info({ name }, 'no longer leading');
  } finally {
    await lease.revoke();
  }
}
