import { CliError } from '../cli-error.ts';
import type { FileChange, Plan } from './host-file.ts';

/** One change as a line; `future`: it was only planned. */
export function changeLine({ file, action, reason }: FileChange, { future }: { future: boolean }): string {
  const done = action === 'unchanged' || action === 'kept';
  const what = future && !done ? `would be ${action}` : action;
  return `${what.padEnd(future ? 17 : 9)}  ${file.path}${reason === undefined ? '' : `: ${reason}`}`;
}

/** For programs. */
export function changeRecord({ file, action, reason }: FileChange) {
  return { path: file.path, action, ...(reason !== undefined && { reason }) };
}

/** @throws CliError EREFUSED while something is in the way: nothing has been changed then */
export function refuseObstacles({ obstacles }: Plan, what: string): void {
  if (obstacles.length === 0) return;
  throw new CliError('EREFUSED', `nothing was ${what}:`, {
    details: [...obstacles.map(({ path, reason }) => `${path} ${reason}`), `--force goes on all the same`],
  });
}
