import type { LineProcess } from '../line-process.ts';

export const PROBE_PROGRAM = new URL('./probe-process.ts', import.meta.url).pathname;

export type ProbeRequest =
  | { operation: 'http'; url: string; timeoutMs: number }
  | { operation: 'ping'; address: string; timeoutMs: number }
  | { operation: 'hold'; name: string; url: string }
  | { operation: 'cut'; name: string; limitMs: number }
  | { operation: 'watch'; address: string; port: number; until: 'open' | 'closed'; limitMs: number };

/** `start` is a `monotonicMs()` time, `took` milliseconds. */
export type HttpReply = { start: number; took: number } & (
  | { ok: boolean; status: number; body: string; error?: undefined }
  | { ok: false; error: string; status?: undefined; body?: undefined }
);

/** Measures from where its process runs: within a container, or on a host. Times are `monotonicMs()`. */
export class Probe {
  readonly #process: LineProcess;

  constructor(process: LineProcess) {
    this.#process = process;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** One GET on a new connection; a refusal or silence is an answer, not an error. */
  http(url: string, { timeoutMs = 1000 }: { timeoutMs?: number } = {}): Promise<HttpReply> {
    return this.#ask({ operation: 'http', url, timeoutMs });
  }

  /** One echo request. */
  ping(address: string, { timeoutMs = 1000 }: { timeoutMs?: number } = {}): Promise<boolean> {
    return this.#ask({ operation: 'ping', address, timeoutMs });
  }

  /** Opens a connection that asks again and again, until it gets no answer; `untilCut` gives the time of that last question. */
  hold(name: string, url: string): Promise<void> {
    return this.#ask({ operation: 'hold', name, url });
  }

  /**
   * When the first request without an answer was sent on the held connection, and how many were answered before; `undefined` when it is
   * still served after `limitMs`, ten seconds by default.
   */
  async untilCut(name: string, { limitMs = 10_000 }: { limitMs?: number } = {}): Promise<{ at: number; answered: number } | undefined> {
    return (await this.#ask<{ at: number; answered: number } | null>({ operation: 'cut', name, limitMs })) ?? undefined;
  }

  /**
   * Tries to connect every two milliseconds. @returns when the first attempt was sent that got through, or after which none did
   * @throws {LabError} EPROBE when that has not happened within `limitMs`, ten seconds by default
   */
  watch(
    target: { address: string; port: number },
    until: 'open' | 'closed',
    { limitMs = 10_000 }: { limitMs?: number } = {},
  ): Promise<{ at: number }> {
    return this.#ask({ operation: 'watch', ...target, until, limitMs });
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  #ask<Reply>(request: ProbeRequest): Promise<Reply> {
    return this.#process.request<Reply>(request);
  }
}
