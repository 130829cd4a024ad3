import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One call of a real Mesos agent, as its plugin saw it. */
export interface MesosCall {
  scenario: string;
  env: Record<string, string>;
  stdin: string;
}

/** A few calls that show what is odd: every kind of id, no version, labels without values, 64-bit numbers, no namespace. */
export const MESOS_CALLS: MesosCall[] = JSON.parse(readFileSync(new URL('mesos-calls.json', import.meta.url), 'utf8'));

const FOLDER = process.env.WEIR_MESOS_RECORDINGS ?? join(import.meta.dirname, '../../../../../shared/mesos-recordings');

/** All recorded calls; undefined on a machine that does not have them. */
export function readRecordings(): MesosCall[] | undefined {
  if (!existsSync(FOLDER)) return undefined;
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return files.map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')));
}

export const RECORDINGS_MISSING = `no recordings in ${FOLDER}; WEIR_MESOS_RECORDINGS names another folder`;
