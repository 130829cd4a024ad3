import type { WeirObject } from './object.ts';

/**
 * An object as JSON text, in one form whatever the order in which its keys were set: keys sorted, nothing undefined.
 * Objects that are equal have equal text, so text can stand for the object where changes are looked for.
 */
export function serialize(object: WeirObject): string {
  return JSON.stringify(sorted(object));
}

/** The value itself where all is sorted already, as in an object that was read from such a text. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.some(isObject) ? value.map(sorted) : value;
  const entries = Object.entries(value).map(([key, field]) => [key, sorted(field), field] as const);
  if (entries.every(([key, field, before], index) => field === before && (index === 0 || entries[index - 1]![0] < key))) return value;
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)).map(([key, field]) => [key, field]));
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
