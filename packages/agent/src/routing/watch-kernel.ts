/** Sees what others change of this host's routes, tunnels and container links, as it happens. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from '@weir/kernel';

/** Changes that come together are repaired together, in milliseconds. */
const GATHER = 50;
/** Between two repairs: somebody who changes it again and again is not to keep a processor busy. */
const PAUSE = 250;

/**
 * Repairs until the signal.
 *
 * @param changes what the kernel tells
 * @param of.isRight whether a change is one of our own making, or none of our business
 * @param of.repair looks at the kernel and brings it in step
 */
export async function watchKernel(
  changes: AsyncIterable<Change>,
  { isRight, repair, signal }: { isRight: (change: Change) => boolean; repair: () => void; signal: AbortSignal },
): Promise<void> {
  let isWrong = false;
  let repairing: Promise<void> | undefined;
  const repairAll = async () => {
    while (isWrong && !signal.aborted) {
      await delay(GATHER, undefined, { signal });
      isWrong = false;
      try {
        repair();
      } catch {
        // Logged, shown by readiness, and tried again by reconciliation.
      }
      // What comes from here on is looked at after the pause.
      await delay(PAUSE, undefined, { signal });
    }
  };
  for await (const change of changes) {
    if (isRight(change)) continue;
    isWrong = true;
    repairing ??= repairAll()
      .catch(() => {
        // Told to end.
      })
      .finally(() => {
        repairing = undefined;
      });
  }
  await repairing;
}
