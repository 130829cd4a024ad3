import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deleteNamespace, KernelError } from '@weir/kernel';
import { LabError } from './lab-error.ts';
import { endProcesses, identifyProcess, isRunning, type LabProcess, processesWithin } from './lab-process.ts';

/** Where labs keep everything: one folder each. */
const LABS_FOLDER = '/run/weir-lab';

/**
 * The folder of one lab. Whatever the lab makes outside of it (processes, namespaces) is written down inside, one file per process and
 * one bind mount per namespace, so that it can be removed by somebody who knows the folder only, also after a kill -9.
 */
export class LabFolder {
  readonly name: string;
  readonly path: string;

  private constructor(name: string) {
    this.name = name;
    this.path = join(LABS_FOLDER, name);
  }

  /** @throws {LabError} EHOST when the lab is up already */
  static create(name: string): LabFolder {
    const folder = new LabFolder(name);
    if (existsSync(folder.path))
      throw new LabError(
        'EHOST',
        `the lab '${name}' is up already, in ${folder.path}; remove it with: make clean-lab; or give this one another name: WEIR_LAB=second`,
      );
    mkdirSync(join(folder.path, 'processes'), { recursive: true });
    mkdirSync(join(folder.path, 'log'));
    mkdirSync(join(folder.path, 'namespaces'));
    return folder;
  }

  static open(name: string): LabFolder {
    return new LabFolder(name);
  }

  static all(): LabFolder[] {
    return existsSync(LABS_FOLDER) ? readdirSync(LABS_FOLDER).map((name) => new LabFolder(name)) : [];
  }

  namespacePath(name: string): string {
    return join(this.path, 'namespaces', name);
  }

  logPath(name: string): string {
    return join(this.path, 'log', `${name}.log`);
  }

  /** Writes a process down, right after it was started. */
  record(pid: number, what: string, signal: LabProcess['signal'] = 'SIGTERM'): LabProcess | undefined {
    const found = identifyProcess(pid, what, signal);
    if (found) writeFileSync(join(this.path, 'processes', `${pid}.json`), JSON.stringify(found));
    return found;
  }

  forget(pid: number): void {
    rmSync(join(this.path, 'processes', `${pid}.json`), { force: true });
  }

  processes(): LabProcess[] {
    const folder = join(this.path, 'processes');
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .filter((text) => text !== '') // its writer was killed between opening and writing
      .map((text) => JSON.parse(text) as LabProcess);
  }

  runningProcesses(): LabProcess[] {
    return this.processes().filter(isRunning);
  }

  /** The bind mounts below the folder: the lab's and its containers' namespaces. */
  namespaces(): string[] {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
      .filter((target) => target.startsWith(`${this.path}/`));
  }

  /** Ends the processes, removes the namespaces (and with them every link and rule in them) and the folder. Two may do so at once. */
  async remove(): Promise<void> {
    await endProcesses(this.processes());
    await endProcesses(processesWithin(this.namespaces())); // what a kill -9 kept from being written down
    for (const namespace of this.namespaces()) deleteIfThere(namespace);
    rmSync(this.path, { recursive: true, force: true });
    if (existsSync(LABS_FOLDER) && readdirSync(LABS_FOLDER).length === 0) rmSync(LABS_FOLDER, { recursive: true, force: true });
  }
}

function deleteIfThere(namespace: string): void {
  try {
    deleteNamespace(namespace);
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'ENOENT')) throw error;
  }
}
