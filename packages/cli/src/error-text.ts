import { CliError } from './cli-error.ts';
import { printable } from './output/printable.ts';

/** `error: what` and its details, indented, below; `stack` adds where it came from, causes included. */
export function errorText(error: unknown, { stack }: { stack: boolean }): string {
  const message = plainUsage(error instanceof Error ? error.message : String(error));
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

/** oclif's list of required flags that were not given, as one line: `--from, --port are missing`. */
function plainUsage(message: string): string {
  const missing = [...message.matchAll(/Missing required flag (\S+)/g)].map(({ 1: flag }) => `--${flag}`);
  if (missing.length === 0) return message;
  const rest = message.split('\n').filter((line) => !/^The following errors? occurred:$|Missing required flag/.test(line));
  return [`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`, ...rest].join('\n');
}
