import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Run, RunRequest } from './command-server-process.ts';

const PROGRAM = fileURLToPath(new URL('./command-server-process.ts', import.meta.url));

/** A process that runs command lines of `weir` for tests, as `bin/weir.js` would but for its start; it ends with the test file. */
export class CommandServer {
  readonly #within: (start: () => ChildProcess) => ChildProcess;
  #child: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param within calls what it is given in the network namespace in which the command lines are to run */
  constructor(within: (start: () => ChildProcess) => ChildProcess = (start) => start()) {
    this.#within = within;
  }

  /** One after the other: streams and environment are the process' own. */
  run(request: RunRequest): Promise<Run> {
    const run = this.#last.then(() => this.#exchange(request));
    this.#last = run.catch(() => {});
    return run;
  }

  async #exchange(request: RunRequest): Promise<Run> {
    this.#child ??= this.#start();
    const child = this.#child;
    child.ref();
    const answer = new Promise<Run>((resolve, reject) => {
      child.once('message', (run) => resolve(run as Run));
      child.once('exit', (status) => reject(new Error(`the server ended with ${status} at: weir ${request.argv.join(' ')}`)));
    });
    child.send(request);
    try {
      return await answer;
    } finally {
      child.removeAllListeners();
      child.unref();
    }
  }

  #start(): ChildProcess {
    const child = this.#within(() => fork(PROGRAM, { execArgv: [] }));
    child.channel!.unref();
    return child;
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exit = once(child, 'exit');
    child.disconnect();
    await exit;
  }
}
