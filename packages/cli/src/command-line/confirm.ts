import { createInterface } from 'node:readline/promises';
import { CliError } from '../cli-error.ts';

/**
 * Asks on the terminal whether to go on; anything but y or yes is no.
 * @throws CliError EUSAGE where there is no terminal to ask on
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CliError('EUSAGE', 'there is no terminal to ask on: give --yes to go on without a question');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
