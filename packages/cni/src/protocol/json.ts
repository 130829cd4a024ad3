/**
 * `JSON.parse` that keeps integers beyond 2^53 as they were written. Mesos and foreign plugins read 64-bit integers; a network's
 * configuration passes through here on its way to them and must not be rounded.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  return MANY_DIGITS.test(text) ? JSON.parse(text, keepBigIntegers) : JSON.parse(text);
}

/** As many as 2^53 has; without them there is nothing to keep, and the usual call needs no look at each value. */
const MANY_DIGITS = /\d{16}/;

function keepBigIntegers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d+$/.test(source) ? rawJson(source) : value;
}

// ES2026's JSON.rawJSON, which TypeScript's library does not know yet.
const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => object };
