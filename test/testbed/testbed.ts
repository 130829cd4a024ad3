import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { dirname, join } from 'node:path';
import { CommandServer, type Run } from '@weir/cli/testing';
import { type ObjectStore, openStore, resolveStoreOptions, type Store } from '@weir/datastore';
import { createNamespace, inNamespace } from '@weir/kernel';
import {
  Cluster,
  type ClusterOptions,
  type Container,
  type Containerizer,
  findLeftovers,
  type LabHost,
  type NetworkInfo,
  readMachineState,
  takeInventory,
} from '@weir/lab';
import { hostInterfaceName } from '@weir/resources';
import type { TestFn } from 'ava';
import { eventually } from './eventually.ts';
import { Traffic } from './traffic.ts';

const REPOSITORY = new URL('../../', import.meta.url).pathname;
const CLEAN = join(REPOSITORY, 'packages/lab/src/clean.ts');
const WEIR = join(REPOSITORY, 'packages/cli/bin/weir.js');

/** For both families; hosts take small blocks, so that a few containers need several. */
export const POOLS = `
apiVersion: weir/v1
kind: Pool
metadata: { name: ipv4 }
spec: { cidr: 10.64.0.0/16, blockSize: 28 }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: ipv6 }
spec: { cidr: "fd00:64::/112", blockSize: 124 }
`;

export interface TestbedOptions extends Partial<Omit<ClusterOptions, 'name'>> {
  /** Manifests that are applied first; POOLS by default. */
  manifests?: string;
}

/** A running task with its addresses, and traffic from within. */
export interface Workload {
  name: string;
  host: LabHost;
  containerId: string;
  /** Empty where it has none of the family. */
  ipv4: string;
  ipv6: string;
  hostInterface: string;
  container: Container;
  traffic: Traffic;
}

/** A lab for one test file: its hosts, the tasks on them, and the command line. */
export class Testbed {
  readonly cluster: Cluster;
  readonly #containerizers = new Map<string, Containerizer>();
  readonly #workloads = new Set<Workload>();
  readonly #watch: ChildProcess;
  readonly #commands: CommandServer;
  #store: Store | undefined;
  #objects: ObjectStore | undefined;
  #launched = 0;

  private constructor(cluster: Cluster, watch: ChildProcess) {
    this.cluster = cluster;
    this.#watch = watch;
    this.#commands = new CommandServer((start) => inNamespace(cluster.hosts[0]!.namespace, start));
  }

  /**
   * Boots a lab before the tests of a file and takes it down after them, whatever happened; a lab that leaves something fails the file.
   *
   * @returns gives the testbed, once tests run
   */
  static share(test: TestFn, options: TestbedOptions = {}): () => Testbed {
    let shared: Testbed | undefined;
    test.before('boot', async (t) => {
      t.timeout(60_000);
      shared = await Testbed.#boot(options);
    });
    test.after.always('take down', async (t) => {
      t.timeout(60_000);
      t.deepEqual(await shared?.close(), []);
    });
    return () => shared!;
  }

  static async #boot({ manifests = POOLS, hosts = 2, ...options }: TestbedOptions): Promise<Testbed> {
    const name = `test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    const watch = removeWithThisProcess(name);
    const cluster = await Cluster.boot({ name, hosts, ...options });
    const testbed = new Testbed(cluster, watch);
    try {
      if (cluster.storeEnvironment.WEIR_STORE === 'embedded') await testbed.#openStore();
      if (manifests !== '') await testbed.apply(manifests);
    } catch (error) {
      await testbed.close();
      throw error;
    }
    return testbed;
  }

  async #openStore(): Promise<void> {
    const { ObjectStore } = await import('@weir/datastore');
    this.#store = await openStore(resolveStoreOptions({ env: this.cluster.storeEnvironment }));
    this.#objects = new ObjectStore(this.#store);
  }

  get hosts(): LabHost[] {
    return this.cluster.hosts;
  }

  /** Of the embedded store; etcd is reached from the hosts only. */
  get objects(): ObjectStore {
    return this.#objects!;
  }

  /** Writes to the embedded store what no tool of Weir's would. */
  async putRaw(key: string, value: string): Promise<void> {
    await this.#store!.transact({ when: [], then: [{ put: key, value }] });
  }

  /** Starts `weir` on the first host; whoever starts it ends it. */
  startWeir(args: string[]): ChildProcess {
    return this.hosts[0]!.spawn(process.execPath, [WEIR, ...args], {
      cwd: REPOSITORY,
      env: { ...process.env, ...this.cluster.storeEnvironment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  /** Runs `weir` on the first host, as its user does, one command line after the other. */
  weir(argv: string[], stdin = ''): Promise<Run> {
    return this.#commands.run({ argv, stdin, env: { ...process.env, ...this.cluster.storeEnvironment }, folder: REPOSITORY });
  }

  /** @throws {Error} with what `weir` said, when it does not end with status 0 */
  async mustWeir(args: string[], stdin = ''): Promise<string> {
    const { status, stdout, stderr } = await this.weir(args, stdin);
    if (status !== 0) throw new Error(`weir ${args.join(' ')} ended with status ${status}: ${stderr}`);
    return stdout;
  }

  apply(manifests: string): Promise<string> {
    return this.mustWeir(['apply', '-f', '-'], manifests);
  }

  delete(manifests: string): Promise<string> {
    return this.mustWeir(['delete', '-f', '-'], manifests);
  }

  /** Launches a task through Mesos' isolator; it answers on TCP and UDP ports 80, 81 and 8080. */
  async launch(
    host: LabHost,
    labels: Record<string, string>,
    {
      name = Object.values(labels).join('/'),
      network = 'weir',
      portMappings = [],
    }: { name?: string; network?: string; portMappings?: NetworkInfo['port_mappings'] } = {},
  ): Promise<Workload> {
    const containerId = `${process.pid}-${++this.#launched}`;
    const container = await this.containerizer(host).launch({
      containerId,
      networkInfos: [
        {
          name: network,
          labels: { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) },
          port_mappings: portMappings,
        },
      ],
      command: 'exec sleep 100000',
    });
    const addresses = container.networks[0]!.ip_addresses.map(({ ip_address }) => ip_address.split('/')[0]!);
    const [ipv4 = '', ipv6 = ''] = [addresses.find(isIPv4), addresses.find(isIPv6)];
    const traffic = new Traffic(name, container.namespace);
    const workload = {
      name,
      host,
      containerId,
      ipv4,
      ipv6,
      hostInterface: hostInterfaceName(containerId, 'eth0', 'weir'),
      container,
      traffic,
    };
    this.#workloads.add(workload);
    await traffic.listen({ tcp: [80, 81, 8080], udp: [80, 81, 8080] });
    return workload;
  }

  /** Ends the task and takes it off its network. */
  async destroy(workload: Workload): Promise<void> {
    this.#workloads.delete(workload);
    await workload.traffic.close();
    await this.containerizer(workload.host).destroy(workload.containerId);
  }

  containerizer(host: LabHost): Containerizer {
    const known = this.#containerizers.get(host.name) ?? host.containerizer();
    this.#containerizers.set(host.name, known);
    return known;
  }

  /** An empty network namespace for a container without a process; it goes with the lab. */
  makeNamespace(name: string): string {
    const path = join(this.cluster.folder.path, 'containers', name);
    mkdirSync(dirname(path), { recursive: true });
    createNamespace(path);
    return path;
  }

  /** The agent's process on a host. */
  agentPid(host: LabHost): number {
    return this.#pidOf(`agent of ${host.name}`);
  }

  /**
   * Kills the lab's etcd with kill -9.
   *
   * @returns starts it again, with the same command line and on the same data
   */
  killEtcd(): () => void {
    const { folder } = this.cluster;
    const pid = this.#pidOf('etcd');
    const [command = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    process.kill(pid, 'SIGKILL');
    folder.forget(pid);
    return () => {
      const log = openSync(folder.logPath('etcd'), 'a');
      const child = inNamespace(folder.namespacePath('switch'), () =>
        spawn(command, args, { stdio: ['ignore', log, log], detached: true }),
      );
      closeSync(log);
      folder.record(child.pid!, 'etcd');
      child.unref();
    };
  }

  /**
   * Has the lab's etcd do nothing, in the middle of whatever it does; connections stay.
   *
   * @returns has it go on
   */
  freezeEtcd(): () => void {
    const pid = this.#pidOf('etcd');
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Folder of etcd's data; to be copied while it is killed. */
  get etcdData(): string {
    return join(this.cluster.folder.path, 'etcd');
  }

  #pidOf(what: string): number {
    const found = this.cluster.folder.runningProcesses().find((process) => process.what === what);
    if (found === undefined) throw new Error(`there is no ${what}`);
    return found.pid;
  }

  /** @returns what is left of the lab */
  async close(): Promise<string[]> {
    for (const workload of this.#workloads) await workload.traffic.close();
    await this.#commands.close();
    await this.#store?.close();
    const inventory = takeInventory(this.cluster.folder);
    await this.cluster.close();
    this.#watch.stdin!.end();
    // Containers of other labs may have copied our mounts into their mount namespaces; that ends with them. And what was killed takes a moment to be gone.
    return eventually(
      () => findLeftovers(readMachineState(), inventory).filter((line) => !line.includes('sees a mount')),
      (left) => left.length === 0,
    );
  }
}

/** A test process that is killed takes nothing down itself: this one sees that by its standard input's end. */
function removeWithThisProcess(lab: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', 'cat > /dev/null; exec "$0" "$@" > /dev/null', process.execPath, CLEAN, lab], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}
