const LAST_CODE_POINT = 0x10ffff;

/**
 * The end (exclusive) of the range of keys that begin with `prefix`; undefined when the range has no end.
 * Works on code points: their order is the order of the UTF-8 bytes by which both backends sort.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // U+D800 to U+DFFF are surrogates, which UTF-8 cannot hold.
  points.push(last === 0xd7ff ? 0xe000 : last + 1);
  return String.fromCodePoint(...points);
}
