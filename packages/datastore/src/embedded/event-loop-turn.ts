import { setImmediate } from 'node:timers/promises';

const BUDGET_MILLISECONDS = 5;

let lastTurn = performance.now();

/**
 * Lets the event loop turn if it may not have for some milliseconds. SQLite's calls are synchronous, so a loop that awaits nothing else
 * would run in microtasks alone, and timers (lease renewals) and sockets would wait for its end.
 */
export async function letEventLoopTurn(): Promise<void> {
  if (performance.now() - lastTurn < BUDGET_MILLISECONDS) return;
  await setImmediate();
  lastTurn = performance.now();
}
