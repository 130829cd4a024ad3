import { CliError } from '../cli-error.ts';
import { EXIT, exitStatusOf } from '../exit-status.ts';

/**
 * Does the work for each item, one after the other; one that fails does not stop the others, but a store that is gone does.
 * @param title names an item in an error's text
 * @throws CliError EFAILED with a line for each failure; the error itself when there is one item only
 */
export async function attemptAll<T>(items: readonly T[], title: (item: T) => string, work: (item: T) => Promise<void>): Promise<void> {
  const failures: { item: T; error: Error }[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (!(error instanceof Error) || items.length === 1 || exitStatusOf(error) === EXIT.unavailable) throw error;
      failures.push({ item, error });
    }
  }
  if (failures.length === 0) return;
  const details = failures.flatMap(({ item, error }) => `${title(item)}: ${error.message}`.split('\n'));
  throw new CliError('EFAILED', `${failures.length} of ${items.length} failed:`, { details, cause: failures[0]!.error });
}
