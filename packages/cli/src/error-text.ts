import { CliError } from './cli-error.ts';
import { printable } from './output/printable.ts';

/** `error: what` and its details, indented, below; `stack` adds where it came from, causes included. */
export function errorText(error: unknown, { stack }: { stack: boolean }): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = '', ...rest] = message.trim().split('\n');
  const lines = [`error: ${first}`];
  for (const line of [...rest, ...(error instanceof CliError ? error.details : [])]) lines.push(line === '' ? '' : `  ${line}`);
  if (stack && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) lines.push('', cause.stack ?? cause.message);
  }
  return lines
    .flatMap((line) => line.split('\n'))
    .map((line) => `${printable(line)}\n`)
    .join('');
}
