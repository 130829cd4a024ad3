import { CniError } from './cni-error.ts';

/**
 * Does every step in turn, also after one has failed: what DEL can still remove, it removes.
 * @throws the failure that the runtime should hear of first: a foreign plugin's, else the earliest
 */
export async function runAll(steps: Iterable<() => Promise<unknown>>): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures.find((error) => error instanceof CniError && error.plugin !== undefined) ?? failures[0];
}
