import { takes } from '../validation/json-shape.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** @throws ValidationError */
export function parseIpVersion(value: unknown): 4 | 6 {
  if (value === 4 || value === 6) return value;
  throw ValidationError.of(value, 'is no IP version', 'expected 4 or 6');
}
takes(parseIpVersion, { enum: [4, 6] });
