import { hash } from 'node:crypto';

/**
 * A name for content: 80 bits of SHA-256 in hex. Cryptographic, since whoever writes policies must not be able to make two
 * rulesets that pass for one another.
 */
export function contentHash(content: string): string {
  return hash('sha256', content, 'hex').slice(0, 20);
}
