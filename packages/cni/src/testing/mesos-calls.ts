import { readFileSync } from 'node:fs';

/** One call of a real Mesos agent, as its plugin saw it. */
export interface MesosCall {
  /** Order of the calls. */
  seq: number;
  scenario: string;
  env: Record<string, string>;
  stdin: string;
}

/** All that was recorded: every kind of id, no version, labels without values, 64-bit numbers, no namespace. */
export const MESOS_CALLS: MesosCall[] = readFileSync(new URL('mesos-calls.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));
