import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNamespace, Netlink, Nftables } from '@weir/kernel';
import type { Cluster, LineProcess, PluginCall } from '@weir/lab';
import type { Floor, FloorRequest } from './cni-floor-process.ts';
import { type PluginRun, PluginStarter } from './plugin-starter.ts';
import { until } from './until.ts';

/** Where Debian's package containernetworking-plugins puts them. */
export const PEER_PLUGINS = '/usr/lib/cni';

export interface Contender {
  name: string;
  plugin: string;
  pluginsDir: string;
  stdinPath: string;
}

/** Calls of Weir's and of its peer's plugins on the first host of a cluster, as a Mesos agent calls them. */
export class CniCalls {
  readonly weir: Contender;
  readonly ptp: Contender;
  /** What most others run for addresses, NAT and a firewall: a bridge, then the plugin that opens the host's firewall for it. */
  readonly bridge: Contender;
  readonly #firewall: Contender;
  readonly #cluster: Cluster;
  readonly #starter: PluginStarter;
  readonly #floor: LineProcess;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const host = cluster.hosts[0]!;
    this.#starter = new PluginStarter(host, cluster.folder);
    this.#floor = host.lineProcess('floor', join(import.meta.dirname, 'cni-floor-process.ts'));
    const args = {
      'org.apache.mesos': { network_info: { name: 'weir', labels: { labels: [{ key: 'app', value: 'bench' }] } } },
    };
    const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }];
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.99.0.0/16' }]], dataDir: join(cluster.folder.path, 'host-local') };
    this.weir = this.#contender('weir', host.pluginsDir, { chain, args });
    this.ptp = this.#contender('ptp', PEER_PLUGINS, { ipam });
    const bridged = { type: 'host-local', ranges: [[{ subnet: '10.98.0.0/16' }]], dataDir: ipam.dataDir };
    this.bridge = this.#contender('bridge', PEER_PLUGINS, { bridge: 'bench0', isGateway: true, ipMasq: true, ipam: bridged });
    this.#firewall = this.#contender('firewall', PEER_PLUGINS, {});
  }

  #contender(name: string, pluginsDir: string, config: object): Contender {
    const stdinPath = join(this.#cluster.folder.path, `${name}.json`);
    writeFileSync(stdinPath, JSON.stringify({ cniVersion: '1.0.0', name, type: name, ...config }));
    return { name, plugin: join(pluginsDir, name), pluginsDir, stdinPath };
  }

  makeNamespace(container: string): void {
    createNamespace(this.#cluster.folder.namespacePath(container));
  }

  /** Calls a plugin for containers, all at the same time. @throws Error with a plugin's answer when it failed */
  async call(contender: Contender, command: string, ...containers: string[]): Promise<PluginRun[]> {
    const runs = await this.#starter.run(containers.map((container) => this.#callOf(contender, command, container)));
    for (const [index, { exitCode, stdout, stderr }] of runs.entries())
      if (exitCode !== 0) throw new Error(`${contender.plugin} ${command} ${containers[index]}: exit code ${exitCode}: ${stdout}${stderr}`);
    return runs;
  }

  /** Milliseconds from before the start of the first process until the last one has ended. @throws as `call()` */
  async time(contender: Contender, command: string, ...containers: string[]): Promise<number> {
    const runs = await this.call(contender, command, ...containers);
    return Math.max(...runs.map(({ end }) => end)) - Math.min(...runs.map(({ start }) => start));
  }

  /** ADD of `bridge`, then of `firewall` with its result, as libcni runs a list; milliseconds of both. @throws as `call()` */
  async timeBridgeAndFirewall(container: string): Promise<number> {
    const [first] = (await this.call(this.bridge, 'ADD', container)) as [PluginRun];
    const config = { cniVersion: '1.0.0', name: 'bridge', type: 'firewall', prevResult: JSON.parse(first.stdout) as object };
    writeFileSync(this.#firewall.stdinPath, JSON.stringify(config));
    const second = await this.time(this.#firewall, 'ADD', container);
    return first.end - first.start + second;
  }

  /** What an ADD has the kernel and the disk do, from a process that does nothing else. */
  async timeFloor(container: string): Promise<Floor> {
    const { folder } = this.#cluster;
    const request: FloorRequest = {
      namespace: folder.namespacePath(container),
      hostInterface: `floor${container.split('-').at(-1)}`,
      folder: folder.path,
    };
    return this.#floor.request<Floor>(request);
  }

  close(): Promise<void> {
    return this.#floor.close();
  }

  #callOf({ plugin, pluginsDir, stdinPath }: Contender, command: string, container: string): PluginCall {
    const environment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_IFNAME: 'eth0',
      CNI_NETNS: this.#cluster.folder.namespacePath(container),
      CNI_PATH: pluginsDir,
      PATH: process.env.PATH!,
    };
    return { plugin, stdinPath, environment };
  }

  /** What was measured has to have been done. @throws Error when not so many endpoints have their policy in the kernel */
  expectEnforced(count: number): void {
    using nftables = Nftables.open({ namespace: this.#cluster.hosts[0]!.namespace });
    const map = nftables.list('inet weir')?.find((object) => (object.map as { name?: string } | undefined)?.name === 'to_endpoint')?.map;
    const enforced = ((map as { elem?: unknown[] } | undefined)?.elem ?? []).length;
    if (enforced !== count) throw new Error(`${enforced} endpoints have their policy in force, not ${count}`);
  }

  /** Returns when the host has so many links of Weir's, or less. */
  async untilLinks(count: number): Promise<void> {
    using netlink = Netlink.open({ namespace: this.#cluster.hosts[0]!.namespace });
    const links = () => netlink.links().filter(({ name }) => name.startsWith('weir')).length;
    await until(`no more than ${count} links of containers on the host`, () => links() <= count, 1);
  }
}
