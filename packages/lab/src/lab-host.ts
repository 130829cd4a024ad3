import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installLauncher } from '@weir/cni/launcher';
import { createNamespace, deleteNamespace, inNamespace } from '@weir/kernel';
import { Containerizer } from './container/containerizer.ts';
import { LabError } from './lab-error.ts';
import type { LabFolder } from './lab-folder.ts';
import { endProcesses, isRunning, type LabProcess } from './lab-process.ts';
import { LineProcess } from './line-process.ts';
import { PROBE_PROGRAM, Probe } from './probe/probe.ts';
import { REPOSITORY, WEIR } from './repository.ts';
import { makeHostNetwork } from './switch-network.ts';
import { flat, hostLink, type Topology } from './topology.ts';

/** Where the agent answers /healthz, /readyz and /metrics, within its host. */
export const AGENT_HTTP = '127.0.0.1:9480';
const READY_LIMIT_MS = 20_000;
const READY_POLL_MS = 20;

/** A network as an operator puts it in `--network_cni_config_dir`. */
export type NetworkFile = { name: string; type: string } & Record<string, unknown>;

/** A Mesos host: a network namespace with an agent of Weir's, a plugin folder and a config folder. All of it follows from folder and index. */
export class LabHost {
  readonly name: string;
  readonly index: number;
  readonly namespace: string;
  /** Empty for a family that its subnet has not. */
  readonly addresses: { ipv4: string; ipv6: string };
  readonly topology: Topology;
  /** `--network_cni_plugins_dir`, with Weir's tools */
  readonly pluginsDir: string;
  /** `--network_cni_config_dir`, with the network files */
  readonly configDir: string;
  readonly agentConfig: string;
  readonly #folder: LabFolder;
  readonly #path: string;
  #agent: LabProcess | undefined;

  /** @param index from 1 */
  constructor(folder: LabFolder, index: number, topology: Topology = flat(index)) {
    this.topology = topology;
    this.#folder = folder;
    this.index = index;
    this.name = `host-${index}`;
    this.namespace = folder.namespacePath(this.name);
    const { ipv4 = '', ipv6 = '' } = hostLink(topology, index).addresses;
    this.addresses = { ipv4: ipv4.split('/')[0]!, ipv6: ipv6.split('/')[0]! };
    this.#path = join(folder.path, this.name);
    this.pluginsDir = join(this.#path, 'plugins');
    this.configDir = join(this.#path, 'config');
    this.agentConfig = join(this.#path, 'agent.yaml');
  }

  /** Makes namespace, link and folders. */
  async make(options: {
    switchNamespace: string;
    launcher: string;
    store: Record<string, unknown>;
    networks: NetworkFile[];
    /** Further keys of the agent's configuration. */
    agent?: Record<string, unknown>;
  }): Promise<void> {
    makeHostNetwork({ ...options, namespace: this.namespace, name: this.name, index: this.index, topology: this.topology });
    const runDir = join(this.#path, 'run');
    for (const path of [runDir, this.configDir]) mkdirSync(path, { recursive: true });
    for (const network of options.networks) writeFileSync(join(this.configDir, `${network.name}.json`), JSON.stringify(network, null, 2));
    const addresses = [this.addresses.ipv4, this.addresses.ipv6].filter((address) => address !== '');
    const config = { ...options.agent, host: this.name, addresses, store: options.store, runDir, http: AGENT_HTTP };
    writeFileSync(this.agentConfig, JSON.stringify(config, null, 2)); // JSON is YAML
    await installLauncher(options.launcher, this.pluginsDir, {
      socket: join(runDir, 'agent.sock'),
      node: process.execPath,
      entry: join(REPOSITORY, 'packages/agent/src/one-shot.js'),
      config: this.agentConfig,
    });
  }

  /** Starts a process in the host's network namespace. */
  spawn(command: string, args: string[], options: SpawnOptions): ChildProcess {
    return inNamespace(this.namespace, () => spawn(command, args, options));
  }

  /** Starts a program of Node's that answers lines; it ends with this process. */
  lineProcess(what: string, program: string, env: NodeJS.ProcessEnv = {}): LineProcess {
    return new LineProcess(`${what} on ${this.name}`, () =>
      this.spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } }),
    );
  }

  /** A probe that measures from the host itself. */
  startProbe(): Probe {
    return new Probe(this.lineProcess('probe', PROBE_PROGRAM));
  }

  /**
   * Starts `weir agent` and returns when it is ready.
   *
   * @param env further variables of its environment
   * @throws {LabError} EHOST with the end of its log
   */
  async startAgent(env: NodeJS.ProcessEnv = {}): Promise<void> {
    this.spawnAgent(env);
    const agent = this.#agent;
    const probe = this.startProbe();
    try {
      const limit = performance.now() + READY_LIMIT_MS;
      while (!(await probe.http(`http://${AGENT_HTTP}/readyz`)).ok) {
        const ended = agent === undefined || !isRunning(agent);
        if (ended || performance.now() > limit) {
          const logPath = this.#agentLog;
          throw new LabError(
            'EHOST',
            `the agent of ${this.name} ${ended ? 'ended' : 'is not ready'}; the end of ${logPath}:\n${tail(logPath)}`,
          );
        }
        await delay(READY_POLL_MS);
      }
    } finally {
      await probe.close();
    }
  }

  /** Starts `weir agent` and does not wait until it is ready. */
  spawnAgent(env: NodeJS.ProcessEnv = {}): void {
    const log = openSync(this.#agentLog, 'a');
    const child = this.spawn(process.execPath, [WEIR, 'agent', '--config', this.agentConfig], {
      stdio: ['ignore', log, log],
      detached: true, // an interrupt at the terminal is for the lab
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#agent = this.#folder.record(child.pid!, `agent of ${this.name}`);
    child.unref();
  }

  get #agentLog(): string {
    return this.#folder.logPath(`agent-${this.name}`);
  }

  /** Of the agent; undefined while none runs. */
  get agentPid(): number | undefined {
    return this.#agent?.pid;
  }

  /** Ends the agent; `SIGKILL` lets it do nothing more. */
  async stopAgent(signal: LabProcess['signal'] = 'SIGTERM'): Promise<void> {
    if (!this.#agent) return;
    await endProcesses([{ ...this.#agent, signal }]);
    this.#folder.forget(this.#agent.pid);
    this.#agent = undefined;
  }

  /** The host's half of a Mesos agent: launches containers through `network/cni`. */
  containerizer(log?: (line: string) => void): Containerizer {
    return new Containerizer({
      namespace: this.namespace,
      configDir: this.configDir,
      pluginsDir: this.pluginsDir,
      runtimeDir: join(this.#path, 'mesos'),
      sandboxDir: join(this.#path, 'sandboxes'),
      folder: this.#folder,
      namespaces: { create: createNamespace, remove: deleteNamespace },
      ...(log && { log }),
    });
  }
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
