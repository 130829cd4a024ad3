import { parseInteger } from '../validation/field.ts';

/**
 * Reads BGP's hold time in seconds (RFC 4271, section 4.2): 0 for none, or 3 and more.
 *
 * @throws ValidationError
 */
export const parseHoldTime = (value: unknown): number =>
  value === 0 ? 0 : parseInteger(value, { what: 'hold time', minimum: 3, maximum: 65_535 });
