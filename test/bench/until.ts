import { setTimeout as delay } from 'node:timers/promises';

/** Far beyond what anything takes, on a machine with other work, too: reached only by what will never come. */
const LIMIT_MS = 60_000;

/** Returns when the condition holds. @throws Error that names what was waited for, when it does not within a minute */
export async function until(what: string, condition: () => boolean | Promise<boolean>, pollMs = 20): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > limit) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`);
    await delay(pollMs);
  }
}
