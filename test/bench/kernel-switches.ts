import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LabFolder, LabHost } from '@weir/lab';

const LIMIT_MS = 20_000;

/** Hears of each nftables transaction on a host that changed what packets meet; see switches.c. Ends with the lab. */
export class KernelSwitches {
  readonly #host: string;
  #waiting: ((at: number) => void)[] = [];
  #last = 0;

  private constructor(host: string, lines: AsyncIterable<string> | NodeJS.EventEmitter) {
    this.#host = host;
    (lines as NodeJS.EventEmitter).on('line', (line: string) => {
      this.#last = Number(line);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve(this.#last);
    });
  }

  /** @param program compiled from switches.c */
  static async start(host: LabHost, folder: LabFolder, program: string): Promise<KernelSwitches> {
    const child = host.spawn(program, [], { stdio: ['ignore', 'pipe', 'inherit'] });
    folder.record(child.pid!, `switches of ${host.name}`);
    const lines = createInterface({ input: child.stdout! });
    await once(lines, 'line');
    return new KernelSwitches(host.name, lines);
  }

  /** The `monotonicMs()` time of the next one. @throws Error when there is none for twenty seconds */
  next(): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#host}: the change did not come to the kernel within ${LIMIT_MS} ms`)),
        LIMIT_MS,
      );
      this.#waiting.push((at) => {
        clearTimeout(timer);
        resolve(at);
      });
    });
  }

  /** The time of the last one; 0 before the first. */
  get last(): number {
    return this.#last;
  }
}
