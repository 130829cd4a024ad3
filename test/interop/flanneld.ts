/** flanneld in a network namespace of the lab, and containers that flannel's CNI plugin attaches there. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNamespace, inNamespace } from '@weir/kernel';
import type { LabFolder, LabHost } from '@weir/lab';
import { eventually } from '../testbed/eventually.ts';
import type { Place } from '../testbed/flows.ts';
import { Traffic } from '../testbed/traffic.ts';

/** Debian's: `bridge` and `host-local`. */
const DEBIAN = '/usr/lib/cni';

const CANAL = new URL('../../cni-configs/weir-flannel.json', import.meta.url).pathname;

/** flanneld reads its configuration at its start alone. */
export class Flanneld {
  readonly namespace: string;
  readonly subnetFile: string;
  readonly #path: string;
  readonly #name: string;
  readonly #folder: LabFolder;
  readonly #arguments: string[];
  #pid: number | undefined;

  /**
   * @param of.name of the namespace in the lab
   * @param of.options further ones of its command line
   */
  constructor(of: { path: string; folder: LabFolder; name: string; endpoint: string; options?: string[] }) {
    const { path, folder, name, endpoint, options = [] } = of;
    this.#path = path;
    this.#name = name;
    this.#folder = folder;
    this.namespace = folder.namespacePath(name);
    this.subnetFile = join(folder.path, `${name}.subnet.env`);
    this.#arguments = ['--iface=eth0', `--etcd-endpoints=${endpoint}`, `--subnet-file=${this.subnetFile}`, ...options];
  }

  /** Returns when it has a lease and has told the plugin of it. What it held before, it takes again. */
  async start(): Promise<void> {
    const before = this.log.length;
    const log = openSync(this.#logPath, 'a');
    const child = inNamespace(this.namespace, () =>
      spawn(this.#path, this.#arguments, { stdio: ['ignore', log, log], detached: true, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } }),
    );
    closeSync(log);
    this.#pid = child.pid!;
    this.#folder.record(child.pid!, `flanneld of ${this.#name}`);
    child.unref();
    const said = await eventually(
      () => this.log.slice(before),
      (text) => text.includes('flannel is ready') || this.hasEnded,
    );
    if (!said.includes('flannel is ready')) throw new Error(`flanneld of ${this.#name} is not ready:\n${said}`);
  }

  get hasEnded(): boolean {
    return !this.#folder.runningProcesses().some(({ pid }) => pid === this.#pid);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.hasEnded) process.kill(this.#pid!, signal);
    await this.ended();
  }

  /** Waits until it has ended, by itself too. */
  async ended(): Promise<void> {
    if (!(await eventually(() => this.hasEnded, Boolean)))
      throw new Error(`flanneld of ${this.#name} does not end:\n${this.log.slice(-2000)}`);
    this.#folder.forget(this.#pid!);
  }

  get log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : '';
  }

  get #logPath(): string {
    return this.#folder.logPath(`flanneld-${this.#name}`);
  }
}

interface PluginCall {
  plugin: string;
  /** Paths of network namespaces: the host's and the container's. */
  host: string;
  namespace: string;
  config: object;
}

/** A container on a host that has flannel's plugin, and nothing of Weir's. */
export class PluginContainer implements Place {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly traffic: Traffic;
  readonly #call: PluginCall;

  private constructor(call: PluginCall, [ipv4 = '', ipv6 = '']: string[], name: string) {
    this.#call = call;
    this.ipv4 = ipv4;
    this.ipv6 = ipv6;
    this.traffic = new Traffic(name, call.namespace);
  }

  static async attach(of: { plugin: string; folder: LabFolder; flanneld: Flanneld; name: string }): Promise<PluginContainer> {
    const { plugin, folder, flanneld, name } = of;
    const data = `${flanneld.subnetFile}.data`;
    mkdirSync(data, { recursive: true });
    const namespace = folder.namespacePath(name);
    createNamespace(namespace);
    const config = {
      cniVersion: '0.4.0',
      name: 'flannel',
      type: 'flannel',
      subnetFile: flanneld.subnetFile,
      dataDir: data,
      delegate: { bridge: 'cni0', isDefaultGateway: true },
      ipam: { dataDir: data },
    };
    const call = { plugin, host: flanneld.namespace, namespace, config };
    const { ips } = JSON.parse(runPlugin('ADD', call)) as { ips: { address: string }[] };
    const container = new PluginContainer(
      call,
      ips.map(({ address }) => address.split('/')[0]!),
      name,
    );
    await container.traffic.listen({ tcp: [80, 81], udp: [80] });
    return container;
  }

  async remove(): Promise<void> {
    await this.traffic.close();
    runPlugin('DEL', this.#call);
  }
}

function runPlugin(command: 'ADD' | 'DEL', { plugin, host, namespace, config }: PluginCall): string {
  const id = namespace.slice(namespace.lastIndexOf('/') + 1);
  const env = { CNI_COMMAND: command, CNI_CONTAINERID: id, CNI_NETNS: namespace, CNI_IFNAME: 'eth0', CNI_PATH: DEBIAN };
  return execFileSync('nsenter', [`--net=${host}`, plugin], {
    input: JSON.stringify(config),
    encoding: 'utf8',
    env: { ...env, PATH: '/usr/sbin:/usr/bin' },
  });
}

/**
 * Puts the ready network for Canal on a host of Weir's, with flannel's own plugin; files of both are where the test says.
 * @returns its name
 */
export function installFlannelNetwork(host: LabHost, plugin: string, { subnetFile, data }: { subnetFile: string; data: string }): string {
  const { chain, ...network } = JSON.parse(readFileSync(CANAL, 'utf8')) as { name: string; chain: { type: string }[] };
  const kept = { subnetFile, dataDir: data, ipam: { dataDir: data } };
  const steps = chain.map((step) => (step.type === 'flannel' ? { ...step, ...kept } : step));
  for (const name of ['bridge', 'host-local']) symlinkSync(join(DEBIAN, name), join(host.pluginsDir, name));
  symlinkSync(plugin, join(host.pluginsDir, 'flannel'));
  writeFileSync(join(host.configDir, `${network.name}.json`), JSON.stringify({ ...network, chain: steps }));
  return network.name;
}
