import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { LabFolder, LabHost, PluginAnswer, PluginCall } from '@weir/lab';
import { compile } from './compile.ts';

export interface PluginRun extends PluginAnswer {
  /** `monotonicMs()` times of before the start, and of when the process had ended and nobody held its stdout and stderr. */
  start: number;
  end: number;
}

interface Pending {
  resolve: (run: PluginRun) => void;
  reject: (error: Error) => void;
}

/** Starts plugins on a host, any number at the same time, from a process that costs them next to nothing; see start.c. Ends with the lab. */
export class PluginStarter {
  readonly #child: ChildProcess;
  readonly #pending = new Map<string, Pending>();
  #next = 1;
  #ended: Error | undefined;

  constructor(host: LabHost, folder: LabFolder) {
    this.#child = host.spawn(compile('start.c', folder), [], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.pid !== undefined) folder.record(this.#child.pid, `starter of plugins on ${host.name}`);
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.on('exit', (code, signal) => this.#fail(new Error(`the starter of plugins has ended (${signal ?? `status ${code}`})`)));
    this.#child.stdin!.on('error', () => {}); // told by 'exit', too
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#answer(line));
  }

  /** Starts all of the calls in one go. @returns what became of each, in their order, when all have ended */
  async run(calls: PluginCall[]): Promise<PluginRun[]> {
    if (this.#ended) throw this.#ended;
    const ids = calls.map(() => String(this.#next++));
    const runs = ids.map((id) => new Promise<PluginRun>((resolve, reject) => this.#pending.set(id, { resolve, reject })));
    this.#child.stdin!.write(calls.map((call, index) => requestOf(ids[index]!, call)).join(''));
    return Promise.all(runs);
  }

  #answer(line: string): void {
    const [id, start, end, exitCode, stdout, stderr] = line.split('\t') as [string, string, string, string, string, string];
    this.#pending.get(id)?.resolve({
      start: Number(start) / 1e6,
      end: Number(end) / 1e6,
      exitCode: Number(exitCode),
      stdout: Buffer.from(stdout, 'hex').toString(),
      stderr: Buffer.from(stderr, 'hex').toString(),
    });
    this.#pending.delete(id);
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}

function requestOf(id: string, { plugin, stdinPath, environment }: PluginCall): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return `${[id, plugin, stdinPath, ...variables].map((field) => `${field}\0`).join('')}\n`;
}
