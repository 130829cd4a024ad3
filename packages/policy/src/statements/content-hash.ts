import { hash } from 'node:crypto';

/** Of texts up to so many characters, so many are remembered: a program of thousands of rules is a long text. */
const LONGEST = 1024;
const REMEMBERED = 1024;
/** By content, the first ones first. */
const known = new Map<string, string>();

/**
 * A name for content: 80 bits of SHA-256 in hex. Cryptographic, since whoever writes policies must not be able to make two
 * rulesets that pass for one another. The containers of an app have the same contents again and again.
 */
export function contentHash(content: string): string {
  const before = known.get(content);
  if (before !== undefined) return before;
  const name = hash('sha256', content, 'hex').slice(0, 20);
  if (content.length > LONGEST) return name;
  if (known.size === REMEMBERED) known.delete(known.keys().next().value!);
  known.set(content, name);
  return name;
}
