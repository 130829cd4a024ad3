import { option } from '@oclif/core/flags';

/** `-o`, with the first form as the default. */
export function outputFlag<const Forms extends readonly [string, ...string[]]>(forms: Forms) {
  return option({
    char: 'o',
    summary: 'Form of the output.',
    options: forms,
    default: forms[0] as Forms[number],
    helpValue: `(${forms.join('|')})`,
  })();
}
