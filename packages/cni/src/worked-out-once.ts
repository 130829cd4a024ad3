/**
 * A pure function of an object that nobody changes, worked out once for each. The calls of a network come with the same configuration again
 * and again; to read it anew for each step of each would be a tenth of what an ADD does.
 */
export function workedOutOnce<Of extends object, Result>(work: (of: Of) => Result): (of: Of) => Result {
  const known = new WeakMap<Of, { result: Result }>();
  return (of) => {
    let entry = known.get(of);
    if (entry === undefined) {
      entry = { result: frozen(work(of)) };
      known.set(of, entry);
    }
    return entry.result;
  };
}

/** Who would change what others are given too is told at once. No recursion: a configuration may be nested as deep as somebody likes. */
export function frozen<T>(value: T): T {
  const parts: unknown[] = [value];
  for (const part of parts) {
    if (typeof part !== 'object' || part === null || Object.isFrozen(part)) continue;
    Object.freeze(part);
    for (const inner of Object.values(part)) parts.push(inner);
  }
  return value;
}
