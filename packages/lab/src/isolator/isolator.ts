import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPlugin } from '@weir/mesos';
import { LabError, type LabErrorCode } from '../lab-error.ts';
import { Checkpoint } from './checkpoint.ts';
import { isConfigObject, parseConfig, printConfig } from './config-json.ts';
import { NetworkConfigs } from './network-configs.ts';
import { formatHosts, formatResolvConf } from './network-files.ts';
import { encodeNetworkInfo, type NetworkInfo } from './network-info.ts';
import { type PluginAnswer, pluginRunner, type RunPlugin } from './plugin-process.ts';
import { addressOf, type PluginResult, parseResult } from './result.ts';

export interface IsolatorOptions {
  /** `--network_cni_config_dir` */
  configDir: string;
  /** `--network_cni_plugins_dir`: one folder, or several as `a:b`; it is CNI_PATH, verbatim. */
  pluginsDir: string;
  /** `--runtime_dir`; the checkpoints lie in its isolators/network/cni. */
  runtimeDir: string;
  /** Makes and removes the network namespace behind a bind mount. */
  namespaces: { create(path: string): void; remove(path: string): void };
  runPlugin?: RunPlugin;
  log?: (line: string) => void;
  /** PATH for the plugins; the agent's own by default. */
  path?: string;
}

/** What a container is started with: its namespace, and the files to bind over /etc/hosts, /etc/hostname and /etc/resolv.conf. */
export interface IsolatedContainer {
  namespace: string;
  hostname: string;
  hostsFile: string;
  hostnameFile: string;
  resolvConfFile: string;
}

/** One entry of ContainerStatus.network_infos: what a task's address is taken from. */
export interface NetworkStatus extends NetworkInfo {
  ip_addresses: { protocol: 'IPv4' | 'IPv6'; ip_address: string }[];
}

interface ContainerNetwork {
  network: string;
  interfaceName: string;
  /** Absent after recovery of an orphan: DEL needs the stored file only. */
  networkInfo?: NetworkInfo;
  result?: PluginResult;
}

interface Info {
  networks: Map<string, ContainerNetwork>;
  hostname: string;
  joinsParentsNetwork: boolean;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Does what Mesos' `network/cni` isolator does to a container, call by call (Mesos 1.12, src/slave/containerizer/mesos/isolators/network/cni/cni.cpp).
 * Container ids are text, those of nested containers `parent.child`. DEBUG containers and images have no part in it.
 *
 * The order of calls is Mesos': recover once; then for a container prepare → isolate → (status) → cleanup. cleanup comes after a failed
 * isolate, too.
 */
export class NetworkCniIsolator {
  readonly #options: IsolatorOptions;
  readonly #runPlugin: RunPlugin;
  readonly #log: (line: string) => void;
  readonly #checkpoint: Checkpoint;
  readonly #configs: NetworkConfigs;
  readonly #infos = new Map<string, Info>();

  constructor(options: IsolatorOptions) {
    this.#options = options;
    this.#runPlugin = options.runPlugin ?? pluginRunner();
    this.#log = options.log ?? (() => {});
    this.#checkpoint = new Checkpoint(options.runtimeDir);
    this.#configs = new NetworkConfigs({ ...options, logError: this.#log });
  }

  /**
   * Decides which networks a container joins; calls no plugin.
   *
   * @returns whether the isolator has something to do for it: not for a container in its host's network
   * @throws {LabError} EPREPARED, ENETWORK, ECONFIG
   */
  prepare(containerId: string, request: { networkInfos: NetworkInfo[]; hostname?: string }): boolean {
    if (this.#infos.has(containerId)) throw new LabError('EPREPARED', 'Container has already been prepared');
    const joinsParentsNetwork = containerId.includes('.') && request.networkInfos.length === 0;
    const networks = joinsParentsNetwork
      ? (this.#infos.get(rootOf(containerId))?.networks ?? new Map<string, ContainerNetwork>())
      : this.#planNetworks(request.networkInfos);
    if (networks.size === 0) return false;
    this.#infos.set(containerId, { networks, hostname: request.hostname ?? containerId, joinsParentsNetwork });
    return true;
  }

  #planNetworks(networkInfos: NetworkInfo[]): Map<string, ContainerNetwork> {
    const networks = new Map<string, ContainerNetwork>();
    for (const networkInfo of networkInfos) {
      const network = networkInfo.name;
      if (network === undefined) continue;
      this.#configs.read(network);
      if (networks.has(network)) throw new LabError('ENETWORK', `Attempted to join CNI network '${network}' multiple times`);
      networks.set(network, { network, interfaceName: `eth${networks.size}`, networkInfo });
    }
    return networks;
  }

  /**
   * Makes the container's namespace and attaches it to its networks, all at once; returns when every ADD has answered.
   *
   * @throws {LabError} EPLUGIN, ERESULT, ECONFIG, ENETWORK: the launch failed, and `cleanup` is to be called
   */
  async isolate(containerId: string): Promise<IsolatedContainer> {
    const info = this.#infoOf(containerId);
    if (info.joinsParentsNetwork) return this.#filesOf(rootOf(containerId), this.#infoOf(rootOf(containerId)));
    const namespace = this.#checkpoint.namespacePath(containerId);
    mkdirSync(this.#checkpoint.containerDir(containerId), { recursive: true });
    this.#options.namespaces.create(namespace);
    await allSucceed([...info.networks.values()].map((network) => this.#attach(containerId, network, namespace)));
    return this.#writeNetworkFiles(containerId, info);
  }

  async #attach(containerId: string, containerNetwork: ContainerNetwork, namespace: string): Promise<void> {
    const { network, interfaceName } = containerNetwork;
    const config = this.#configs.read(network);
    const args = config.args ?? {};
    if (!isConfigObject(args)) throw new LabError('ECONFIG', `Invalid 'args' found in the network file of '${network}': not an object`);
    if ('org.apache.mesos' in args)
      throw new LabError(
        'ECONFIG',
        `'org.apache.mesos' in 'args' should not be set in the network file of '${network}'. It is reserved by Mesos`,
      );
    const mesos = { network_info: encodeNetworkInfo(containerNetwork.networkInfo ?? { name: network }) };
    const json = printConfig({ ...config, args: { ...args, 'org.apache.mesos': mesos } });
    const plugin = this.#pluginOf(config.type, containerId, network, 'attach');
    this.#checkpoint.writeNetworkConfig(containerId, network, interfaceName, json);
    const answer = await this.#call('ADD', plugin, containerId, containerNetwork, namespace);
    if (answer.exitCode !== 0) throw pluginFailure(plugin, 'attach', containerId, 'to', network, answer);
    const result = parseResult(answer.stdout, plugin);
    this.#checkpoint.writeResult(containerId, network, interfaceName, answer.stdout);
    containerNetwork.result = result;
  }

  #writeNetworkFiles(containerId: string, info: Info): IsolatedContainer {
    const results = [...info.networks.values()].flatMap(({ result }) => (result ? [result] : []));
    const folder = this.#checkpoint.containerDir(containerId);
    writeFileSync(join(folder, 'hostname'), info.hostname);
    writeFileSync(join(folder, 'hosts'), formatHosts(info.hostname, results));
    const resolvConf = formatResolvConf(results);
    if (resolvConf !== undefined) writeFileSync(join(folder, 'resolv.conf'), resolvConf);
    return this.#filesOf(containerId, info);
  }

  #filesOf(containerId: string, info: Info): IsolatedContainer {
    const folder = this.#checkpoint.containerDir(containerId);
    const resolvConfFile = join(folder, 'resolv.conf');
    return {
      namespace: this.#checkpoint.namespacePath(containerId),
      hostname: info.hostname,
      hostsFile: join(folder, 'hosts'),
      hostnameFile: join(folder, 'hostname'),
      resolvConfFile: existsSync(resolvConfFile) ? resolvConfFile : '/etc/resolv.conf',
    };
  }

  /** The addresses that Mesos reports for a task: `ip4` without its prefix length, `ip6` as the plugin wrote it. */
  status(containerId: string): NetworkStatus[] {
    const info = this.#infos.get(containerId);
    if (info?.joinsParentsNetwork) return this.status(rootOf(containerId));
    return [...(info?.networks.values() ?? [])].flatMap(({ network, networkInfo, result }) =>
      result
        ? [
            {
              ...networkInfo,
              name: network,
              ip_addresses: [
                ...(result.ip4 ? [{ protocol: 'IPv4' as const, ip_address: addressOf(result.ip4.ip) }] : []),
                ...(result.ip6 ? [{ protocol: 'IPv6' as const, ip_address: result.ip6.ip }] : []),
              ],
            },
          ]
        : [],
    );
  }

  /**
   * Detaches the container from its networks, all at once, and removes its namespace and folder.
   *
   * @throws {LabError} ESTUCK when a DEL failed: what was attached stays, and the next recovery tries again
   */
  async cleanup(containerId: string): Promise<void> {
    const info = this.#infos.get(containerId);
    if (!info) return;
    if (info.joinsParentsNetwork) {
      this.#infos.delete(containerId);
      return;
    }
    const namespace = this.#checkpoint.namespacePath(containerId);
    await allSucceed(
      [...info.networks.values()].map((network) => this.#detach(containerId, network, namespace)),
      'ESTUCK',
    );
    if (existsSync(namespace) && isNamespaceHandle(namespace)) this.#options.namespaces.remove(namespace);
    this.#checkpoint.removeContainer(containerId);
    this.#infos.delete(containerId);
  }

  async #detach(containerId: string, containerNetwork: ContainerNetwork, namespace: string): Promise<void> {
    const { network, interfaceName } = containerNetwork;
    const stored = this.#checkpoint.networkConfigPath(containerId, network);
    if (!existsSync(stored)) return; // ADD was not called, so DEL is not
    const config = parseConfig(readFileSync(stored, 'utf8'));
    if (config.name !== network)
      throw new LabError('ECONFIG', `The stored network file '${stored}' holds '${String(config.name)}', not the network '${network}'`);
    const plugin = this.#pluginOf(config.type, containerId, network, 'detach');
    const answer = await this.#call('DEL', plugin, containerId, containerNetwork, isNamespaceHandle(namespace) ? namespace : undefined);
    if (answer.exitCode !== 0) throw pluginFailure(plugin, 'detach', containerId, 'from', network, answer);
    this.#checkpoint.removeInterface(containerId, network, interfaceName);
  }

  /**
   * Takes up the containers that an agent before this one had. Living ones get no call; known orphans wait for their `cleanup`; unknown
   * ones are cleaned up before this returns, however long their DEL takes.
   *
   * @param alive the containers that are still wanted, with their networks
   * @returns why each unknown orphan that could not be cleaned up is stuck
   */
  async recover(alive: Map<string, NetworkInfo[]>, knownOrphans: ReadonlySet<string> = new Set()): Promise<Map<string, string>> {
    const unknown: string[] = [];
    for (const containerId of this.#checkpoint.containers()) {
      this.#infos.set(containerId, this.#recoverInfo(containerId, alive.get(containerId) ?? []));
      if (!alive.has(containerId) && !knownOrphans.has(containerId)) unknown.push(containerId);
    }
    const stuck = new Map<string, string>();
    await Promise.all(
      unknown.map((containerId) =>
        this.cleanup(containerId).catch((error: Error) => {
          stuck.set(containerId, error.message);
          this.#log(`Failed to cleanup unknown orphaned container ${containerId}: ${error.message}`);
        }),
      ),
    );
    return stuck;
  }

  #recoverInfo(containerId: string, networkInfos: NetworkInfo[]): Info {
    const networks = this.#checkpoint.attachments(containerId).map(({ network, interfaceName }): [string, ContainerNetwork] => {
      const stdout = this.#checkpoint.readResult(containerId, network, interfaceName);
      const networkInfo = networkInfos.findLast(({ name }) => name === network);
      return [
        network,
        {
          network,
          interfaceName,
          ...(networkInfo && { networkInfo }),
          ...(stdout !== undefined && { result: parseResult(stdout, 'checkpointed by the isolator') }),
        },
      ];
    });
    return { networks: new Map(networks), hostname: containerId, joinsParentsNetwork: false };
  }

  #infoOf(containerId: string): Info {
    const info = this.#infos.get(containerId);
    if (!info) throw new LabError('EPREPARED', `Container ${containerId} has not been prepared`);
    return info;
  }

  #pluginOf(type: unknown, containerId: string, network: string, verb: string): string {
    const plugin = typeof type === 'string' ? findPlugin(type, this.#options.pluginsDir) : undefined;
    if (plugin === undefined)
      throw new LabError('EPLUGIN', `Unable to find the plugin ${String(type)} required to ${verb} ${containerId}, network '${network}'`);
    return plugin;
  }

  #call(
    command: string,
    plugin: string,
    containerId: string,
    containerNetwork: ContainerNetwork,
    namespace?: string,
  ): Promise<PluginAnswer> {
    return this.#runPlugin({
      plugin,
      stdinPath: this.#checkpoint.networkConfigPath(containerId, containerNetwork.network),
      environment: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_IFNAME: containerNetwork.interfaceName,
        ...(namespace !== undefined && { CNI_NETNS: namespace }),
        CNI_PATH: this.#options.pluginsDir,
        PATH: this.#options.path ?? process.env.PATH ?? DEFAULT_PATH,
      },
    });
  }
}

function rootOf(containerId: string): string {
  return containerId.split('.', 1)[0]!;
}

/** A bind mount of a namespace lies on the device of /proc's namespace files; after a reboot an empty file is left. */
function isNamespaceHandle(path: string): boolean {
  return statSync(path).dev === statSync('/proc/self/ns/net').dev;
}

function pluginFailure(
  plugin: string,
  verb: 'attach' | 'detach',
  containerId: string,
  preposition: string,
  network: string,
  { stdout, stderr }: PluginAnswer,
): LabError {
  return new LabError(
    'EPLUGIN',
    `The CNI plugin '${plugin}' failed to ${verb} container ${containerId} ${preposition} CNI network '${network}': stdout='${stdout}', stderr='${stderr}'`,
  );
}

/** Waits for all, then fails with the messages of all that failed; the code is the first failure's unless given. */
async function allSucceed(work: Promise<void>[], code?: LabErrorCode): Promise<void> {
  const failures = (await Promise.allSettled(work)).filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as Error);
  const first = failures[0];
  if (!first) return;
  const message = failures.map((failure) => failure.message).join('\n');
  throw new LabError(code ?? (first instanceof LabError ? first.code : 'EPLUGIN'), message, { cause: first });
}
