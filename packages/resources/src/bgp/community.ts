import { takes } from '../validation/json-shape.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** A route's mark for routing policy of others: two numbers of 16 bits (RFC 1997), or three of 32 bits (large, RFC 8092). */
export type Community = readonly [number, number] | readonly [number, number, number];

/** `65001:100` or `65001:1:100`; undefined for any other text. */
export function communityOf(text: string): Community | undefined {
  if (!/^\d{1,10}(:\d{1,10}){1,2}$/.test(text)) return undefined;
  const parts = text.split(':').map(Number);
  const largest = parts.length === 2 ? 0xffff : 0xffff_ffff;
  return parts.every((part) => part <= largest) ? (parts as unknown as Community) : undefined;
}

/** @throws ValidationError */
export function parseCommunity(value: unknown): string {
  if (typeof value === 'string' && communityOf(value) !== undefined) return value;
  throw ValidationError.of(
    value,
    'is no community',
    'expected two numbers up to 65535, as in "65001:100", or three up to 4294967295, as in "65001:1:100"; in quotes',
  );
}
takes(parseCommunity, { type: 'string' });
