import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { LabError } from './lab-error.ts';

interface Pending {
  resolve: (reply: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * A long-lived Node process that answers requests, one JSON object a line on stdin and stdout, any number at a time.
 * It ends when its stdin is closed, and so with its parent at the latest.
 */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #ended: LabError | undefined;

  /** @param start starts the process, with pipes for stdin and stdout */
  constructor(what: string, start: () => ChildProcess) {
    this.#child = start();
    const fail = (reason: string) => {
      this.#ended ??= new LabError('EPROBE', `${what}: ${reason}`);
      for (const { reject } of this.#pending.values()) reject(this.#ended);
      this.#pending.clear();
    };
    this.#child.on('error', (error) => fail(error.message));
    this.#child.on('exit', (code, signal) => fail(`the process has ended (${signal ?? `status ${code}`})`));
    this.#child.stdin!.on('error', () => {}); // told by 'exit', too
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const { id, reply, error } = JSON.parse(line) as { id: number; reply?: unknown; error?: string };
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(reply);
      else pending?.reject(new LabError('EPROBE', `${what}: ${error}`));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws {LabError} EPROBE when the process refuses or ends */
  request<Reply>(request: object): Promise<Reply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise<Reply>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (reply: unknown) => void, reject });
      this.#child.stdin!.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await exit;
  }
}

/** The other end: answers each line by calling `handle`; returns when stdin ends. */
export async function serveLines(handle: (request: Record<string, unknown>) => Promise<unknown>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ...request } = JSON.parse(line) as Record<string, unknown>;
    const answer = (content: object) => process.stdout.write(`${JSON.stringify({ id, ...content })}\n`);
    handle(request).then(
      (reply) => answer({ reply }),
      (error: Error) => answer({ error: error.message }),
    );
  }
}
