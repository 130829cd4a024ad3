import { takes } from '../validation/json-shape.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** RFC 4893: stands in for numbers of four bytes where a speaker has but two. */
const AS_TRANS = 23456;
const LARGEST = 0xffff_ffff;

/** Of a cluster that names none: the first for private use, RFC 6996. */
export const DEFAULT_AS_NUMBER = 64512;

/**
 * Reads the number of an autonomous system; of four bytes also as `high.low` (RFC 5396).
 *
 * @throws ValidationError
 */
export function parseAsNumber(value: unknown): number {
  const number = typeof value === 'string' ? fromDots(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= LARGEST && number !== AS_TRANS) return number;
  throw ValidationError.of(
    value,
    'is no AS number',
    `expected 1 to ${LARGEST} and not ${AS_TRANS}, or "high.low" with each up to 65535; private ones are 64512 to 65534 and 4200000000 to 4294967294`,
  );
}
takes(parseAsNumber, { type: ['integer', 'string'], description: 'a number, or "high.low"' });

function fromDots(text: string): number {
  const parts = /^(\d{1,5})\.(\d{1,5})$/.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 0xffff) ? parts[0]! * 0x1_0000 + parts[1]! : Number.NaN;
}
