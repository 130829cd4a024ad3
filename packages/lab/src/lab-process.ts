import { readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that the lab started. Its number alone may belong to another one later; with its start time it cannot. */
export interface LabProcess {
  pid: number;
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  startTime: string;
  what: string;
  /** What it is ended with. Processes of containers are not asked: as the first of its PID namespace, a shell does not hear SIGTERM. */
  signal: 'SIGTERM' | 'SIGKILL';
}

const GRACE_MS = 3000;
const POLL_MS = 5;

/** @returns `undefined` when the process has ended already */
export function identifyProcess(pid: number, what: string, signal: LabProcess['signal'] = 'SIGTERM'): LabProcess | undefined {
  const startTime = readStat(pid)?.startTime;
  return startTime === undefined ? undefined : { pid, startTime, what, signal };
}

/** A zombie counts as ended. */
export function isRunning(process: LabProcess): boolean {
  const stat = readStat(process.pid);
  return stat !== undefined && stat.startTime === process.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * Ends processes, each by its signal, and after three seconds by SIGKILL; returns when they are gone. Others that have got the number of
 * one of them are left alone.
 */
export async function endProcesses(processes: LabProcess[]): Promise<void> {
  for (const found of processes) send(found, found.signal);
  let left = processes.filter(isRunning);
  for (const deadline = performance.now() + GRACE_MS; left.length > 0 && performance.now() < deadline; left = left.filter(isRunning))
    await delay(POLL_MS); // the processes need not be our children, so there is no event to wait for
  for (const found of left) send(found, 'SIGKILL');
  for (; left.length > 0; left = left.filter(isRunning)) await delay(POLL_MS);
}

/** The processes in any of these network namespaces; `namespaces` are paths. */
export function processesWithin(namespaces: string[]): LabProcess[] {
  const inodes = new Set(namespaces.flatMap((path) => statSync(path, { throwIfNoEntry: false })?.ino ?? []));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && inodes.has(networkNamespaceOf(name)))
    .flatMap((name) => identifyProcess(Number(name), `process in a network namespace of the lab`, 'SIGKILL') ?? []);
}

function networkNamespaceOf(pid: string): number {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    return 0; // ended, or a zombie
  }
}

function send(found: LabProcess, signal: NodeJS.Signals): void {
  if (!isRunning(found)) return;
  try {
    process.kill(found.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readStat(pid: number): { state: string; startTime: string } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // ended
  }
  // The command's name is in brackets and may hold anything, also brackets and blanks; field 3 follows the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, startTime: fields[19]! };
}
