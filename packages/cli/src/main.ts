/** One run of `weir`: from words to exit status. */
import { fileURLToPath } from 'node:url';
import { run } from '@oclif/core/run';
import { errorText } from './error-text.ts';
import { EXIT, exitStatusOf } from './exit-status.ts';

/** The folder with package.json, where oclif finds its settings. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** `weir help get`, as with kubectl and calicoctl, is `weir get --help`. */
function asCommand(argv: readonly string[]): string[] {
  const [first, ...words] = argv;
  return first === 'help' ? [...words, '--help'] : [...argv];
}

/**
 * Runs one command line and returns its exit status (see exit-status.ts). Never throws: what went wrong is on stderr, as one line
 * with its details below; with a stack only when DEBUG is set.
 */
export async function main(argv: string[]): Promise<number> {
  try {
    await run(asCommand(argv), { root });
    return EXIT.ok;
  } catch (error) {
    const status = exitStatusOf(error);
    // What answers by its exit status has said already what there is to say.
    const isAnswer = (error as { code?: unknown }).code === 'EEXIT';
    if (status !== EXIT.ok && !isAnswer) process.stderr.write(errorText(error, { stack: Boolean(process.env.DEBUG) }));
    return status;
  }
}
