/** JSON lines for machines; readable lines on a terminal. */
import pino from 'pino';

/** What of pino's is used; see `NO_LOG` for a process whose log nobody reads. */
export interface Logger extends Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error'> {
  /** One that says this of each of its lines, too. */
  child(bindings: Record<string, unknown>): Logger;
}

export function openLog(options: { host: string; level: string }): Logger {
  const base = { name: 'weir-agent', level: options.level, base: { host: options.host } };
  // The pretty printer runs in a worker thread of its own, which only a person at a terminal needs. Otherwise a line is out when the call
  // returns: nothing is lost by kill -9, and handing it to a thread would cost more than writing it.
  return process.stdout.isTTY
    ? pino({ ...base, transport: { target: 'pino-pretty' } })
    : pino(base, pino.destination({ fd: 1, sync: true }));
}
