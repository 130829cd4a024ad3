import { styleText } from 'node:util';

/** Prints the story: numbered steps, remarks, the commands that a user would type, and what did not go as it should. */
export class Narrator {
  readonly #begin = performance.now();
  readonly #failures: string[] = [];
  #step = 0;

  step(title: string): void {
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(1);
    this.#print(`\n${styleText('bold', `${++this.#step}. ${title}`)} ${styleText('dim', `(${seconds} s)`)}`);
  }

  say(text: string): void {
    this.#print(indent(text, '   '));
  }

  /** A command line, and what it printed. */
  command(line: string, output = ''): void {
    this.#print(`   ${styleText('cyan', `$ ${line}`)}`);
    if (output.trim() !== '') this.#print(`${indent(output.trimEnd(), '   ')}\n`);
  }

  /** A thing measured against what it should be. */
  expect(holds: boolean, text: string): void {
    if (!holds) this.#failures.push(text);
    this.#print(`   ${holds ? styleText('green', '✓') : styleText('red', '✗')} ${text}`);
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  #print(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}

function indent(text: string, blanks: string): string {
  return text.replace(/^(?=.)/gm, blanks);
}
