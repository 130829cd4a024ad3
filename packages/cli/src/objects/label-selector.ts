import { parseSelector, type Selector, SelectorError } from '@weir/resources';
import { CliError } from '../cli-error.ts';

/** `app=web`, `app==web`, `app!=web`, `app` or `!app`, as kubectl's -l has them between commas. */
const SHORT_TERM = /^(?:(?<absent>!)?(?<label>[\w./-]+)|(?<key>[\w./-]+)\s*(?<operator>==?|!=)\s*(?<value>[\w./-]*))$/;

/**
 * What `-l` means: Weir's selector language, or kubectl's short form (`app=web,tier!=db,!beta`).
 * The two do not overlap: the short form has neither quotes nor brackets, and every selector has some.
 * @throws CliError EUSAGE
 */
export function parseLabelSelector(text: string): Selector {
  try {
    return parseSelector(text.trim() === '' ? '' : (expandShortForm(text) ?? text));
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new CliError('EUSAGE', error.message, {
      details: ['or the short form of kubectl: role=db,env!=test,has-this,!not-this'],
      cause: error,
    });
  }
}

function expandShortForm(text: string): string | undefined {
  const terms: string[] = [];
  for (const term of text.split(',')) {
    const parts = SHORT_TERM.exec(term.trim())?.groups;
    if (!parts) return undefined;
    if (parts.key !== undefined) terms.push(`${parts.key} ${parts.operator === '!=' ? '!=' : '=='} '${parts.value}'`);
    else terms.push(`${parts.absent ?? ''}has(${parts.label})`);
  }
  return terms.join(' && ');
}
