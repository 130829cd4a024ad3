import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 10_000;
const PAUSE_MS = 25;

/**
 * Looks again and again until what it sees is as wanted, since policy travels from the store to the hosts in its own time.
 *
 * @returns what was seen last, wanted or not: the caller asserts on it and so shows what was wrong
 */
export async function eventually<Seen>(
  look: () => Seen | Promise<Seen>,
  isWanted: (seen: Seen) => boolean,
  { limitMs = LIMIT_MS }: { limitMs?: number } = {},
): Promise<Seen> {
  for (const limit = performance.now() + limitMs; ; await delay(PAUSE_MS)) {
    const seen = await look();
    if (isWanted(seen) || performance.now() > limit) return seen;
  }
}
