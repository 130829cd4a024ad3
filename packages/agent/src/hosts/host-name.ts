/** The name that a host goes by, held fast while it has containers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError } from '../agent-error.ts';

/**
 * Takes note of the name, in the run directory, which is gone after a reboot. Under another name the agent would know none of the containers
 * that are there, and remove their links.
 *
 * @param hasContainers whether there are links of containers
 * @throws AgentError ECONFIG
 */
export function holdHostName(runDir: string, host: string, hasContainers: () => boolean): void {
  const path = join(runDir, 'host.name');
  const before = nameIn(path);
  if (before === host) return;
  if (before !== undefined && hasContainers()) {
    const advice = `write "host: ${before}" in agent.yaml, or end them before it becomes "${host}"`;
    throw new AgentError('ECONFIG', `this host was "${before}" when the containers were attached that are on it (${path}): ${advice}`);
  }
  writeFileSync(path, host, { mode: 0o600 });
}

function nameIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8') || undefined;
  } catch {
    return undefined;
  }
}
