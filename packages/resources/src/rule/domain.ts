import { takes } from '../validation/json-shape.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** RFC 1035 §2.3.4, without the root's dot. */
const LONGEST_NAME = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const WILDCARD = '*.';

/** A DNS name, or with `*.` in front all names under it, at any depth and without itself. In lower case, without the root's dot. */
export function parseDomain(value: unknown): string {
  if (typeof value === 'string') {
    const domain = canonicalName(value);
    const name = domain.startsWith(WILDCARD) ? domain.slice(WILDCARD.length) : domain;
    const isNumber = /^[0-9]+$/.test(name.slice(name.lastIndexOf('.') + 1));
    if (name.length <= LONGEST_NAME && name.split('.').every((label) => LABEL.test(label)) && !isNumber) return domain;
  }
  throw ValidationError.of(value, 'is no DNS name', 'expected a name like "api.example.com", or "*.example.com" for all names under it');
}
takes(parseDomain, { type: 'string', description: 'a DNS name, or "*." and one for all names under it' });

/** A name as domains are compared with it. */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** @param domain as {@link parseDomain} gives it; @param name canonical */
export function domainTakes(domain: string, name: string): boolean {
  return domain.startsWith(WILDCARD) ? name.length >= domain.length && name.endsWith(domain.slice(1)) : name === domain;
}
