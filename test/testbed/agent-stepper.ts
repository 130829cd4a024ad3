import { setTimeout as delay } from 'node:timers/promises';
import type { Testbed } from './testbed.ts';

/**
 * How long the agent runs between the first two looks at it, in milliseconds: a phase of a CNI call takes longer. Each slice is longer than
 * the one before, so that it also comes on where others want the processor, or where it waits for something.
 */
const SLICE_MS = 0.1;
const GROWTH = 1.1;
const LIMIT_MS = 5_000;

/** Lets the agent of the first host run for short slices of time, so that it can be stopped between any two phases of a call. */
export class AgentStepper {
  readonly #pid: number;

  constructor(bed: Testbed) {
    const host = bed.hosts[0]!.name;
    const agent = bed.cluster.folder.runningProcesses().find(({ what }) => what === `agent of ${host}`);
    if (agent === undefined) throw new Error(`no agent runs on ${host}`);
    this.#pid = agent.pid;
  }

  stop(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  go(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  /** Leaves the agent stopped if `isReached` came to be true, and says whether it did. */
  async until(isReached: () => Promise<boolean>): Promise<boolean> {
    let slice = SLICE_MS;
    for (const limit = performance.now() + LIMIT_MS; performance.now() < limit; slice *= GROWTH) {
      this.stop();
      if (await isReached()) return true;
      this.go();
      // A timer's turn would be ten times as long.
      if (slice > 1) await delay(slice);
      else for (const end = performance.now() + slice; performance.now() < end; );
    }
    return false;
  }
}
