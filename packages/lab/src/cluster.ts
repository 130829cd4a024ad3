import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildLauncher } from '@weir/cni/launcher';
import { ETCD_ENDPOINT, startEtcd } from './etcd-process.ts';
import { LabFolder } from './lab-folder.ts';
import { LabHost, type NetworkFile } from './lab-host.ts';
import { REPOSITORY } from './repository.ts';
import { makeTopology } from './switch-network.ts';
import { flat, type Topology } from './topology.ts';

export type StoreBackend = 'embedded' | 'etcd';

export interface ClusterOptions {
  /** Several labs can be up, under different names. */
  name: string;
  /** 3 by default, or as the topology has. */
  hosts?: number;
  /** The network between them; one switch by default. */
  topology?: Topology;
  /** Further keys of the agents' configuration. */
  agent?: Record<string, unknown>;
  /** embedded by default */
  store?: StoreBackend;
  /** Put in every host's config folder; by default the one in cni-configs/weir.json. */
  networks?: NetworkFile[];
  /** Told of each step that takes a while. */
  progress?: (step: string) => void;
  /**
   * Given, SIGINT, SIGTERM and SIGHUP remove the lab, from its first moment on, and end this process; it is told of the signal first.
   * A signal in the middle of anything is answered so; only kill -9 leaves a lab behind, for `make clean-lab`.
   */
  onInterrupt?: (signal: NodeJS.Signals) => void;
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Hosts joined by a switch, each with an agent on one store. Nothing of it is in the machine's own network namespace. */
export class Cluster {
  readonly folder: LabFolder;
  readonly hosts: LabHost[];
  /** Variables that point `weir` at the store; etcd is reached from the hosts only. */
  readonly storeEnvironment: Record<string, string>;

  private constructor(folder: LabFolder, hosts: LabHost[], storeEnvironment: Record<string, string>) {
    this.folder = folder;
    this.hosts = hosts;
    this.storeEnvironment = storeEnvironment;
  }

  /**
   * Makes a lab and returns when all agents are ready; leaves nothing when that fails.
   *
   * @throws {LabError} EHOST when it is up already, or a host or the store does not start
   */
  static async boot({
    name,
    hosts: count = 3,
    topology = flat(count),
    agent = {},
    store = 'embedded',
    networks = [readWeirNetwork()],
    progress = () => {},
    onInterrupt,
  }: ClusterOptions): Promise<Cluster> {
    const folder = LabFolder.create(name);
    if (onInterrupt) removeWhenInterrupted(folder, onInterrupt);
    try {
      const launcher = await buildLauncher();
      const switchNamespace = folder.namespacePath('switch');
      makeTopology(folder, topology);
      const hosts = topology.hosts.map((_, position) => new LabHost(folder, position + 1, topology));
      const database = join(folder.path, 'weir.db');
      const section =
        store === 'etcd' ? { backend: 'etcd', etcd: { endpoints: [ETCD_ENDPOINT] } } : { backend: 'embedded', path: database };
      for (const host of hosts) await host.make({ switchNamespace, launcher, networks, store: section, agent });
      progress(`${hosts.length} hosts, joined by ${topology.subnets.length === 1 ? 'a switch' : `${topology.subnets.length} switches`}`);
      if (store === 'etcd') {
        await startEtcdFor(folder, switchNamespace, hosts[0]!);
        progress(`etcd at ${ETCD_ENDPOINT}`);
      }
      await Promise.all(hosts.map((host) => host.startAgent()));
      progress('an agent on each, ready');
      return new Cluster(
        folder,
        hosts,
        store === 'etcd'
          ? { WEIR_STORE: 'etcd', WEIR_ETCD_ENDPOINTS: ETCD_ENDPOINT }
          : { WEIR_STORE: 'embedded', WEIR_STORE_PATH: database },
      );
    } catch (error) {
      await folder.remove();
      throw error;
    }
  }

  /** Ends every process and removes every namespace, link, rule and file of the lab. */
  close(): Promise<void> {
    return this.folder.remove();
  }
}

async function startEtcdFor(folder: LabFolder, switchNamespace: string, host: LabHost): Promise<void> {
  const probe = host.startProbe();
  try {
    await startEtcd(folder, switchNamespace, probe);
  } finally {
    await probe.close();
  }
}

function readWeirNetwork(): NetworkFile {
  return JSON.parse(readFileSync(join(REPOSITORY, 'cni-configs/weir.json'), 'utf8')) as NetworkFile;
}

function removeWhenInterrupted(folder: LabFolder, onInterrupt: (signal: NodeJS.Signals) => void): void {
  for (const [signal, number] of Object.entries(SIGNALS) as [NodeJS.Signals, number][])
    process.once(signal, async () => {
      onInterrupt(signal);
      await folder.remove();
      process.exit(128 + number);
    });
}
