import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { LabError } from '../lab-error.ts';
import type { LabFolder } from '../lab-folder.ts';

const PROGRAM = new URL('./marathon-process.ts', import.meta.url).pathname;

/**
 * Starts Marathon and the Mesos agents of a lab as a process of its own, which goes on without this one.
 *
 * @returns Marathon's URL
 * @throws {LabError} EHOST
 */
export async function startMarathon(folder: LabFolder, options: { hosts: number; port?: number }): Promise<string> {
  const logPath = folder.logPath('marathon');
  const log = openSync(logPath, 'a');
  const child = spawn(process.execPath, [PROGRAM, folder.name, String(options.hosts), String(options.port ?? 0)], {
    stdio: ['ignore', 'pipe', log],
    detached: true,
  });
  closeSync(log);
  folder.record(child.pid!, 'Marathon and the Mesos agents');
  for await (const url of createInterface({ input: child.stdout! })) {
    child.stdout!.destroy();
    child.unref();
    return url;
  }
  throw new LabError('EHOST', `Marathon did not start; its log:\n${readFileSync(logPath, 'utf8')}`);
}
