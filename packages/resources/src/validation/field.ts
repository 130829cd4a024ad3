import { z } from 'zod';
import { type JsonShape, shapeOf } from './json-shape.ts';
import { didYouMean } from './suggestion.ts';
import { show, ValidationError } from './validation-error.ts';

/**
 * A schema from a plain parse function, which throws a ValidationError of one issue to refuse.
 * So a value has one parser, whether it stands in a document, on the command line or in a network file.
 *
 * @param shape for the description of the API; default: what the parser is said to take
 */
export function field<T>(parse: (value: unknown) => T, shape: JsonShape | undefined = shapeOf(parse)) {
  const schema = z.unknown().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      context.issues.push(refusal(error, value));
      return z.NEVER;
    }
  });
  return shape === undefined ? schema : schema.meta(shape);
}

/**
 * A schema of a mapping, each name and value by its parser. Names come out sorted; nothing at all (`labels:` in YAML) is the empty mapping.
 */
export function entries<T>(parseName: (name: unknown) => string, parseValue: (value: unknown) => T) {
  const schema = z.unknown().transform((value, context): Record<string, T> => {
    if (value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) {
      context.issues.push({
        code: 'custom',
        input: value,
        message: `${show(value)} is no mapping: expected names with values, as in "run: nginx"`,
      });
      return z.NEVER;
    }
    const parsed: [string, T][] = [];
    for (const [name, given] of Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))) {
      try {
        parsed.push([parseName(name), parseValue(given)]);
      } catch (error) {
        context.issues.push({ ...refusal(error, given), path: [name] });
      }
    }
    return Object.fromEntries(parsed);
  });
  return schema.meta({ type: ['object', 'null'], additionalProperties: shapeOf(parseValue) ?? true });
}

/** What a parser threw, as zod has it. Anything but a refusal is a bug, and goes on its way. */
function refusal(error: unknown, input: unknown) {
  if (!(error instanceof ValidationError)) throw error;
  return { code: 'custom' as const, input, message: error.issues.map((issue) => issue.message).join('\n') };
}

/** A string of the given form; `what` completes "is no …", `allowed` says what would be right. */
export function text(options: { what: string; pattern: RegExp; allowed: string }) {
  return field((value) => parseText(value, options), { type: 'string', pattern: options.pattern.source, description: options.allowed });
}

/** As {@link text}, for use outside a schema. */
export function parseText(value: unknown, { what, pattern, allowed }: { what: string; pattern: RegExp; allowed: string }): string {
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw ValidationError.of(value, `is no ${what}`, `expected ${allowed}${quotesHint(value)}`);
}

/** YAML reads `1.10` and `true` as number and boolean; who wrote them as text has to quote them. */
export function quotesHint(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? `; write it in quotes: "${value}"` : '';
}

/** A whole number of an inclusive range. */
export function integer(options: { what: string; minimum: number; maximum: number }) {
  return field((value) => parseInteger(value, options), { type: 'integer', minimum: options.minimum, maximum: options.maximum });
}

/** As {@link integer}, for use outside a schema. */
export function parseInteger(value: unknown, { what, minimum, maximum }: { what: string; minimum: number; maximum: number }): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw ValidationError.of(value, `is no ${what}`, `expected a whole number from ${minimum} to ${maximum}`);
}

/** One of a few words. */
export function oneOf<const T extends string>(...allowed: T[]) {
  return field((value) => parseOneOf(value, allowed), { type: 'string', enum: allowed });
}

function parseOneOf<const T extends string>(value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T;
  const suggestion = typeof value === 'string' ? didYouMean(value, allowed) : '';
  throw ValidationError.of(value, 'is not allowed', `expected ${allowed.join(', ')}${suggestion}`);
}

/** A list that says something: an empty one reads as "none" to one person and as "any" to the next. */
export function someOf<T extends z.ZodType>(element: T, meaning: string) {
  return z.array(element).superRefine((list, context) => {
    if (list.length === 0) context.addIssue({ code: 'custom', message: `[] is empty: leave the field out ${meaning}` });
  });
}

/** Whether a field of {@link acrossFields} did not parse, and so has its own issue already. */
export function failed(value: unknown): boolean {
  return value === z.NEVER;
}

/** Tells the issues of a check across fields; `path` is relative to the checked object. */
export type Report = (path: PropertyKey[], message: string) => void;

/**
 * A check across the fields of an object, run even when some of them are wrong, so that a user learns of everything at once.
 * Fields that did not parse may be of any type: look before you use, and see {@link failed}.
 */
export function acrossFields<T extends z.ZodType>(schema: T, check: (value: Partial<z.output<T>>, report: Report) => void): T {
  return schema.superRefine(
    (value, context) => {
      check(value as Partial<z.output<T>>, (path, message) => context.addIssue({ code: 'custom', path, message }));
    },
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  );
}
