import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { inNamespace, Netlink } from '@weir/kernel';
import { type IsolatedContainer, NetworkCniIsolator, type NetworkStatus } from '../isolator/isolator.ts';
import type { NetworkInfo } from '../isolator/network-info.ts';
import { pluginRunner } from '../isolator/plugin-process.ts';
import { LabError } from '../lab-error.ts';
import type { LabFolder } from '../lab-folder.ts';
import { endProcesses, isRunning, type LabProcess } from '../lab-process.ts';

export interface ContainerizerOptions {
  /** Path of the host's network namespace: there plugins run. */
  namespace: string;
  configDir: string;
  pluginsDir: string;
  runtimeDir: string;
  sandboxDir: string;
  folder: LabFolder;
  namespaces: { create(path: string): void; remove(path: string): void };
  log?: (line: string) => void;
}

export interface ContainerRequest {
  containerId: string;
  networkInfos: NetworkInfo[];
  hostname?: string;
  /** Run by /bin/sh -c in the container's sandbox folder. */
  command: string;
  env?: Record<string, string>;
}

export interface Container {
  containerId: string;
  /** The container's first process, as the machine numbers it. */
  pid: number;
  namespace: string;
  sandbox: string;
  networks: NetworkStatus[];
  /** Resolves when the first process has ended. */
  exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts and ends the containers of one host, as a Mesos agent's containerizer does with `network/cni`. Nested ones are `parent.child`. */
export class Containerizer {
  readonly isolator: NetworkCniIsolator;
  readonly #options: ContainerizerOptions;
  readonly #running = new Map<string, { supervisor: LabProcess | undefined; init: LabProcess | undefined }>();

  constructor(options: ContainerizerOptions) {
    this.#options = options;
    this.isolator = new NetworkCniIsolator({
      ...options,
      runPlugin: pluginRunner((start) => inNamespace(options.namespace, start)),
    });
  }

  /** @throws {LabError} when an ADD failed (DEL has been called by then), or ETASK when the process did not start */
  async launch(request: ContainerRequest): Promise<Container> {
    const { containerId, networkInfos, hostname } = request;
    const sandbox = join(this.#options.sandboxDir, containerId);
    mkdirSync(sandbox, { recursive: true });
    this.isolator.prepare(containerId, { networkInfos, ...(hostname !== undefined && { hostname }) });
    try {
      const isolated = await this.isolator.isolate(containerId);
      raiseLoopback(isolated.namespace);
      return await this.#start(request, isolated, sandbox);
    } catch (error) {
      await this.destroy(containerId);
      throw error;
    }
  }

  async #start({ containerId, command, env }: ContainerRequest, isolated: IsolatedContainer, sandbox: string): Promise<Container> {
    const child = inNamespace(isolated.namespace, () => spawnTask(isolated, sandbox, command, env ?? {}));
    const exit = new Promise<Awaited<Container['exit']>>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    const supervisor = this.#options.folder.record(child.pid!, `container ${containerId}`, 'SIGKILL');
    const channel = child.stdio[3] as Duplex;
    channel.on('error', () => {}); // a container that is killed before it has read its 'go' resets the channel; `exit` tells of it
    const ready = await firstChunk(channel);
    const pid = ready ? onlyChildOf(child.pid!) : undefined;
    const init = pid === undefined ? undefined : this.#options.folder.record(pid, `task of container ${containerId}`, 'SIGKILL');
    this.#running.set(containerId, { supervisor, init });
    void exit.then(() => {
      for (const ended of [child.pid, pid]) if (ended !== undefined) this.#options.folder.forget(ended);
    });
    if (pid === undefined) {
      const { code } = await exit;
      const stderr = readFileSync(join(sandbox, 'stderr'), 'utf8').trim();
      throw new LabError('ETASK', `container ${containerId}: its first process ended with status ${code}: ${stderr}`);
    }
    channel.end('go\n');
    return { containerId, pid, namespace: isolated.namespace, sandbox, networks: this.isolator.status(containerId), exit };
  }

  /**
   * Ends a container's processes, then takes it off its networks.
   *
   * @throws {LabError} ESTUCK when a DEL failed: what was attached stays
   */
  async destroy(containerId: string): Promise<void> {
    const { supervisor, init } = this.#running.get(containerId) ?? {};
    const processes = [init, supervisor].filter((found): found is LabProcess => found !== undefined && isRunning(found));
    await endProcesses(processes); // the kernel ends all others of the PID namespace with its first process
    this.#running.delete(containerId);
    await this.isolator.cleanup(containerId);
  }
}

/** The command that runs something within a container's namespaces: arguments for `nsenter`, before the program. */
export function nsenterArguments(pid: number): string[] {
  return ['--target', String(pid), '--net', '--mount', '--uts', '--pid', '--'];
}

function spawnTask(isolated: IsolatedContainer, sandbox: string, command: string, env: Record<string, string>): ChildProcess {
  const { hostname, hostsFile, hostnameFile, resolvConfFile } = isolated;
  const stdout = openSync(join(sandbox, 'stdout'), 'a');
  const stderr = openSync(join(sandbox, 'stderr'), 'a');
  try {
    return spawn(
      'unshare',
      [
        ...['--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc', '--', '/bin/sh', INIT_SCRIPT],
        ...[hostname, hostsFile, hostnameFile, resolvConfFile, command],
      ],
      {
        cwd: sandbox,
        env: { PATH: process.env.PATH, MESOS_SANDBOX: sandbox, LIBPROCESS_IP: '0.0.0.0', ...env },
        stdio: ['ignore', stdout, stderr, 'pipe'],
        detached: true, // an interrupt at the terminal is for the lab, which then ends its containers in order
      },
    );
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

const INIT_SCRIPT = new URL('./container-init.sh', import.meta.url).pathname;

function raiseLoopback(namespace: string): void {
  const netlink = Netlink.open({ namespace });
  try {
    netlink.setLink('lo', { up: true });
  } finally {
    netlink.close();
  }
}

/** @returns whether something came before the other end was closed */
function firstChunk(channel: Duplex): Promise<boolean> {
  return new Promise((resolve) => {
    channel.once('data', () => resolve(true)).once('close', () => resolve(false));
  });
}

function onlyChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
