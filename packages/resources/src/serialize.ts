import type { WeirObject } from './object.ts';

/**
 * An object as JSON text, in one form whatever the order in which its keys were set: keys sorted, nothing undefined.
 * Objects that are equal have equal text, so text can stand for the object where changes are looked for.
 */
export function serialize(object: WeirObject): string {
  return JSON.stringify(object, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(byKey)) : value,
  );
}

function byKey([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : 1;
}
