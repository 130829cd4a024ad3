import { takes } from '../validation/json-shape.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** A port number, an inclusive range `min:max`, or the name of a port of the endpoint that the packet goes to (or comes from). */
export type Port = number | string;

const NAME = /^[a-zA-Z0-9_.-]{1,128}$/;

/**
 * Reads a port, range or port name. `"80"` becomes 80, and a range of one port that port.
 *
 * @throws ValidationError for port 0, numbers over 65535, reversed ranges, and `80-90`, which is a valid name and never meant as one.
 */
export function parsePort(value: unknown): Port {
  if (typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))) return parsePortNumber(value);
  if (typeof value === 'string') {
    const [, first, separator, last] = /^(\d+)([:-])(\d+)$/.exec(value) ?? [];
    if (separator === '-') throw ValidationError.of(value, 'looks like a range', `write "${first}:${last}"`);
    if (separator === ':') return parsePortRange(value, parsePortNumber(first), parsePortNumber(last));
    if (NAME.test(value)) return value;
  }
  throw ValidationError.of(
    value,
    'is no port',
    'expected a number from 1 to 65535, a range "min:max", or a port name of letters, digits, "_", "." and "-"',
  );
}
takes(parsePort, { type: ['integer', 'string'], description: 'a number, a range "min:max" or a name' });

/**
 * Reads a single port number, 1 to 65535.
 *
 * @throws ValidationError
 */
export function parsePortNumber(value: unknown): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw ValidationError.of(value, 'is no port number', 'allowed are 1 to 65535');
}
takes(parsePortNumber, { type: 'integer', minimum: 1, maximum: 65_535 });

function parsePortRange(text: string, minimum: number, maximum: number): Port {
  if (minimum > maximum) throw ValidationError.of(text, 'is a reversed range', `write "${maximum}:${minimum}"`);
  return minimum === maximum ? minimum : `${minimum}:${maximum}`;
}

/** The numbers that a parsed port spans, inclusive; undefined for a port name. */
export function portRange(port: Port): { first: number; last: number } | undefined {
  if (typeof port === 'number') return { first: port, last: port };
  const [first, last] = port.split(':');
  return last === undefined ? undefined : { first: Number(first), last: Number(last) };
}
