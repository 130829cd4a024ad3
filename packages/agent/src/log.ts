/** JSON lines for machines; readable lines on a terminal. */
import pino, { type Logger } from 'pino';

export type { Logger };

export function openLog(options: { host: string; level: string }): Logger {
  const base = { name: 'weir-agent', level: options.level, base: { host: options.host } };
  // The pretty printer runs in a worker thread of its own, which only a person at a terminal needs.
  return process.stdout.isTTY ? pino({ ...base, transport: { target: 'pino-pretty' } }) : pino(base);
}
