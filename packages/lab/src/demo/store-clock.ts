import type { LabHost } from '../lab-host.ts';
import type { LineProcess } from '../line-process.ts';

const PROGRAM = new URL('./store-clock-process.ts', import.meta.url).pathname;

/** Tells when something was written to the store. */
export class StoreClock {
  readonly #process: LineProcess;

  constructor(host: LabHost, storeEnvironment: Record<string, string>) {
    this.#process = host.lineProcess('store clock', PROGRAM, storeEnvironment);
  }

  /** Returns when the clock is watching. @param prefix of the keys whose next change counts */
  arm(prefix: string): Promise<void> {
    return this.#process.request({ operation: 'arm', prefix });
  }

  /**
   * The first change after `arm`. `notBefore` is the `monotonicMs()` time when a read began that did not see it yet, so that what is
   * measured from there is never shorter than it was.
   */
  written(prefix: string): Promise<{ notBefore: number; key: string }> {
    return this.#process.request({ operation: 'written', prefix });
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}
