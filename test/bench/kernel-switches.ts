import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { LabFolder, LabHost } from '@weir/lab';

const LIMIT_MS = 20_000;

interface Waiting {
  since: number;
  resolve: (at: number) => void;
}

/** Hears of each nftables transaction on a host that changed what packets meet; see switches.c. Ends with the lab. */
export class KernelSwitches {
  readonly #host: string;
  readonly #times: number[] = [];
  #waiting: Waiting[] = [];

  private constructor(host: string, lines: Interface) {
    this.#host = host;
    lines.on('line', (line: string) => {
      const at = Number(line);
      this.#times.push(at);
      for (const { since, resolve } of this.#waiting) if (at >= since) resolve(at);
      this.#waiting = this.#waiting.filter(({ since }) => at < since);
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

  /** The `monotonicMs()` time of the first one at that time or later. @throws Error when there is none for twenty seconds */
  firstSince(since: number): Promise<number> {
    const already = this.#times.find((at) => at >= since);
    if (already !== undefined) return Promise.resolve(already);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#host}: the change did not come to the kernel within ${LIMIT_MS} ms`)),
        LIMIT_MS,
      );
      this.#waiting.push({
        since,
        resolve: (at) => {
          clearTimeout(timer);
          resolve(at);
        },
      });
    });
  }

  /** The time of the last one; 0 before the first. */
  get last(): number {
    return this.#times.at(-1) ?? 0;
  }
}
