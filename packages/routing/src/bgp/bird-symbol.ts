import { createHash } from 'node:crypto';

/** Of a symbol in BIRD, with its end (SYM_MAX_LEN). */
const LONGEST = 63;

/** A name as BIRD takes it between quotes: objects' names have the characters that it allows, but may be longer. */
export function birdSymbol(name: string): string {
  if (name.length <= LONGEST) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${name.slice(0, LONGEST - 1 - hash.length)}-${hash}`;
}
