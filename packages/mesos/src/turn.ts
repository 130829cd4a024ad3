import { setImmediate as nextTurn } from 'node:timers/promises';

/** In milliseconds: for so long the process does nothing else. */
const TURN = 10;

/** Long work in pieces, so that what else the process has to do is not kept waiting for all of it. */
export class Turn {
  #began = performance.now();

  /** Whether it has lasted long enough: then `end` it. */
  get isOver(): boolean {
    return performance.now() - this.#began >= TURN;
  }

  async end(): Promise<void> {
    await nextTurn();
    this.#began = performance.now();
  }
}
