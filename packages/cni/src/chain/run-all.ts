import { CNI_CODE, CniError } from '../cni-error.ts';
import { explainError } from '../explain-error.ts';

/**
 * Does every step in turn, also after one has failed: what DEL can still remove, it removes.
 * @throws the failure that the runtime should hear of first: a foreign plugin's, else the earliest
 */
export async function runAll(steps: Iterable<() => Promise<unknown>>): Promise<void> {
  const failures = await failuresOf(steps);
  if (failures.length > 0) throw failures.find((error) => error instanceof CniError && error.plugin !== undefined) ?? failures[0];
}

/**
 * As `runAll`, for verbs whose reader wants to know everything that is wrong.
 * @throws CniError one for all failures
 */
export async function runAllAndTellAll(steps: Iterable<() => Promise<unknown>>): Promise<void> {
  const failures = await failuresOf(steps);
  if (failures.length > 0) throw joinErrors(failures);
}

async function failuresOf(steps: Iterable<() => Promise<unknown>>): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

/** One error that says what each of them says, with the first one's code; the graver one of STATUS counts wherever it stands. */
function joinErrors(errors: readonly unknown[]): CniError {
  const all = errors.map(explainError);
  if (all.length === 1) return all[0]!;
  const grave = all.some(({ code }) => code === CNI_CODE.limitedConnectivity);
  return new CniError(grave ? CNI_CODE.limitedConnectivity : all[0]!.code, distinct(all.map(({ message }) => message)), {
    cause: new AggregateError(errors),
    details: distinct(all.map(({ details }) => details)),
    plugin: all.find(({ plugin }) => plugin !== undefined)?.plugin,
  });
}

function distinct(texts: string[]): string {
  return [...new Set(texts)].filter((text) => text !== '').join('; ');
}
