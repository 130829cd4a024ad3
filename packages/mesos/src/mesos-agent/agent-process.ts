/** The Mesos agent of this host, as the process table shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const PROGRAMS = new Set(['mesos-agent', 'mesos-slave', 'lt-mesos-agent', 'lt-mesos-slave']);

/**
 * The flags of a running Mesos agent, without dashes in front; those of its command line win over its variables `MESOS_…`.
 * Undefined: none runs.
 * @param proc the folder of the process table
 */
export function mesosAgentFlags(proc = '/proc'): Map<string, string> | undefined {
  for (const pid of readdirSync(proc).filter((name) => /^\d+$/.test(name))) {
    const [program = '', ...words] = readFields(join(proc, pid, 'cmdline'));
    if (!PROGRAMS.has(basename(program))) continue;
    return new Map([...variables(readFields(join(proc, pid, 'environ'))), ...flags(words)]);
  }
  return undefined;
}

function readFields(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    // It has ended meanwhile, or is somebody else's.
    return [];
  }
}

function variables(fields: readonly string[]): [string, string][] {
  return fields.flatMap((field) => {
    const [, name, value] = /^MESOS_([A-Z0-9_]+)=(.*)$/s.exec(field) ?? [];
    return name === undefined ? [] : [[name.toLowerCase(), value!] as [string, string]];
  });
}

/** Mesos' own parser takes `--name=value` and nothing else for flags that have a value. */
function flags(words: readonly string[]): [string, string][] {
  return words.flatMap((word) => {
    const [, name, value] = /^--([a-z0-9_]+)=(.*)$/s.exec(word) ?? [];
    return name === undefined ? [] : [[name, value!] as [string, string]];
  });
}
