import { ValidationError } from '../validation/validation-error.ts';

/** A selector that does not parse. The message shows the text with a caret under the fault. */
export class SelectorError extends ValidationError {
  /** The selector as given. */
  readonly text: string;
  /** 0-based offset into `text` of the character that is wrong; the text's length when more was expected. */
  readonly position: number;

  constructor(text: string, position: number, problem: string) {
    // Blanks of width one keep the caret where it belongs.
    const line = text.replaceAll(/\s/g, ' ');
    const message = `not a valid selector: at character ${position + 1}, ${problem}:
  ${line}
  ${' '.repeat(position)}^`;
    super([{ path: '', value: text, message }]);
    this.name = 'SelectorError';
    this.text = text;
    this.position = position;
  }
}
