import type { z } from 'zod';
import { quotesHint } from './field.ts';
import { didYouMean } from './suggestion.ts';
import { formatPath, type Issue, show, ValidationError } from './validation-error.ts';

/**
 * Parses with a schema, and tells what is wrong in this package's words.
 *
 * @throws ValidationError with every issue; without origin
 */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value, { error: describe });
  if (result.success) return result.data;
  throw new ValidationError(result.error.issues.flatMap((issue) => toIssues(issue, value)));
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a string',
  boolean: 'true or false',
  number: 'a number',
};

/** Text of an issue that zod raised by itself; fields with a parser of their own bring their text along. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const expected = `expected ${EXPECTED[issue.expected] ?? issue.expected}`;
    if (issue.input === undefined) return `is missing: ${expected}`;
    return `${show(issue.input)} is not allowed: ${expected}${issue.expected === 'string' ? quotesHint(issue.input) : ''}`;
  }
  if (issue.code === 'invalid_value') return `${show(issue.input)} is not allowed: expected ${issue.values.map(show).join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => message).join('\n');
  if (issue.code === 'unrecognized_keys') {
    // Only the schema that raised the issue knows which names it takes, and it is at hand only here; toIssues parts the lines again.
    const allowed = Object.keys((issue.inst as z.ZodObject)._zod.def.shape);
    return issue.keys.map((key) => `is no field here${didYouMean(key, allowed) || `: expected ${allowed.join(', ')}`}`).join('\n');
  }
  return undefined;
}

function toIssues(issue: z.core.$ZodIssue, root: unknown): Issue[] {
  if (issue.code !== 'unrecognized_keys')
    return [{ path: formatPath(issue.path), value: valueAt(root, issue.path), message: issue.message }];
  const messages = issue.message.split('\n');
  return issue.keys.map((key, index) => {
    const path = [...issue.path, key];
    return { path: formatPath(path), value: valueAt(root, path), message: messages[index]! };
  });
}

/** The value as it was given: by the time of a check across fields, zod has replaced it. */
function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined), root);
}
