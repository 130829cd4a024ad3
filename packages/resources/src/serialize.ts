import type { WeirObject } from './object.ts';

/**
 * An object as JSON text, in one form whatever the order in which its keys were set: keys sorted, nothing undefined.
 * Objects that are equal have equal text, so text can stand for the object where changes are looked for.
 */
export function serialize(object: WeirObject): string {
  return JSON.stringify(sorted(object));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(byKey);
  for (const entry of entries) entry[1] = sorted(entry[1]);
  return Object.fromEntries(entries);
}

function byKey([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : 1;
}
