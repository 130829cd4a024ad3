/** Marathon's event stream, followed over its ends, stalls and refusals: it says when to look, and nothing else is believed of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { isChange, type MarathonClient, MarathonError } from '@weir/mesos';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

/** Between two tries, in milliseconds; twice as long each time that a stream is over at once. */
const RETRY = 2_000;
/** A stream that was there for so many milliseconds was one. */
const LIVED = 10_000;
/** Marathon sends a line at least this often, in milliseconds; one that is silent for longer is asked anew. */
const SILENCE = 60_000;

export interface MarathonStreamOptions {
  client: Pick<MarathonClient, 'followEvents'>;
  onChange: () => void;
  log: Logger;
  metrics: Pick<Metrics, 'marathonEvents' | 'marathonFailures'>;
  /** In milliseconds. */
  longestRetry: number;
  /** In milliseconds; for tests. */
  retry?: number;
}

/** Until the signal. */
export async function followMarathonStream(options: MarathonStreamOptions, signal: AbortSignal): Promise<void> {
  const { client, onChange, log, metrics, longestRetry, retry = RETRY } = options;
  let pause = retry;
  let isTold = false;
  const onEvent = (type: string) => {
    const kind = isChange(type) ? 'change' : 'other';
    metrics.marathonEvents.inc({ kind });
    if (kind === 'change') onChange();
  };
  while (!signal.aborted) {
    const began = performance.now();
    try {
      await client.followEvents(onEvent, { silence: SILENCE, signal });
    } catch (error) {
      if (!(error instanceof MarathonError)) throw error;
      metrics.marathonFailures.inc({ what: 'events' });
      if (!isTold)
        log.warn({ error: error.message }, "Marathon's events cannot be followed for now: it is asked from time to time instead");
      isTold = true;
    }
    if (performance.now() - began > LIVED) {
      pause = retry;
      isTold = false;
    }
    await delay(pause, undefined, { signal }).catch(() => {});
    pause = Math.min(pause * 2, longestRetry);
  }
}
