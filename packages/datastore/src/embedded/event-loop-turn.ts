import { setImmediate as nextTurn } from 'node:timers/promises';

const BUDGET_MILLISECONDS = 5;

/** When the first call of this turn of the event loop came; undefined when none has come yet. */
let since: number | undefined;

/**
 * Lets the event loop turn when calls have kept it for some milliseconds. SQLite's calls are synchronous, so a loop that awaits nothing else
 * would run in microtasks alone, and timers (lease renewals) and sockets would wait for its end.
 */
export async function letEventLoopTurn(): Promise<void> {
  if (since === undefined) {
    since = performance.now();
    setImmediate(() => {
      since = undefined;
    });
  } else if (performance.now() - since >= BUDGET_MILLISECONDS) await nextTurn();
}
