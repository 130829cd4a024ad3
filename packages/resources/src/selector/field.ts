import { field } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { mentionsGlobal, parseSelector } from './parse.ts';

/** Longest selector text that an object may hold, as in Calico's API. */
export const MAXIMUM_SELECTOR_LENGTH = 1024;

/**
 * Schema of a field that holds a selector. The text stays as it was written, but for blanks around it.
 *
 * @param options.empty `all()` where a selector has that default; `refused` in a peer, where one reader takes "" for everything and the next for nothing
 * @param options.global whether `global()` makes sense there
 */
export function selectorText(options: { empty: 'all()' | 'refused'; global?: boolean }) {
  return field((value) => parseSelectorText(value, options), { type: 'string', maxLength: MAXIMUM_SELECTOR_LENGTH });
}

function parseSelectorText(value: unknown, { empty, global = false }: { empty: 'all()' | 'refused'; global?: boolean }): string {
  if (typeof value !== 'string') throw ValidationError.of(value, 'is no selector', `expected a string such as 'run == "nginx"'`);
  const text = value.trim();
  if (text === '' && empty === 'refused') {
    throw ValidationError.of(value, 'is empty', 'write all() for every endpoint, or leave the field out to match any address');
  }
  if (text.length > MAXIMUM_SELECTOR_LENGTH) {
    throw ValidationError.of(value, `is ${text.length} characters long`, `allowed are ${MAXIMUM_SELECTOR_LENGTH} for a selector`);
  }
  const selector = parseSelector(text);
  if (!global && mentionsGlobal(selector)) {
    throw ValidationError.of(value, 'uses global()', 'it is allowed only in the namespaceSelector of a rule');
  }
  return text === '' ? 'all()' : text;
}
