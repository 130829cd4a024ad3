/** A value that several are given: who would change it is told at once. No recursion: what came from outside may be nested as deep as somebody likes. */
export function frozen<T>(value: T): T {
  const parts: unknown[] = [value];
  for (const part of parts) {
    if (typeof part !== 'object' || part === null || Object.isFrozen(part)) continue;
    Object.freeze(part);
    for (const inner of Object.values(part)) parts.push(inner);
  }
  return value;
}
