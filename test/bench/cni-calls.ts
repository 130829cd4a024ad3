import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createNamespace, inNamespace, Netlink, Nftables } from '@weir/kernel';
import { type Cluster, pluginRunner, type RunPlugin } from '@weir/lab';

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
  readonly #cluster: Cluster;
  readonly #run: RunPlugin;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const host = cluster.hosts[0]!;
    this.#run = pluginRunner((start) => inNamespace(host.namespace, start));
    const args = {
      'org.apache.mesos': { network_info: { name: 'weir', labels: { labels: [{ key: 'app', value: 'bench' }] } } },
    };
    const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }];
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.99.0.0/16' }]], dataDir: join(cluster.folder.path, 'host-local') };
    this.weir = this.#contender('weir', host.pluginsDir, { chain, args });
    this.ptp = this.#contender('ptp', PEER_PLUGINS, { ipam });
  }

  #contender(name: string, pluginsDir: string, config: object): Contender {
    const stdinPath = join(this.#cluster.folder.path, `${name}.json`);
    writeFileSync(stdinPath, JSON.stringify({ cniVersion: '1.0.0', name, type: name, ...config }));
    return { name, plugin: join(pluginsDir, name), pluginsDir, stdinPath };
  }

  makeNamespace(container: string): void {
    const path = this.#cluster.folder.namespacePath(container);
    if (!existsSync(path)) createNamespace(path);
  }

  /** @throws Error with the plugin's answer when it failed */
  async call({ plugin, pluginsDir, stdinPath }: Contender, command: string, container: string): Promise<void> {
    const environment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_IFNAME: 'eth0',
      CNI_NETNS: this.#cluster.folder.namespacePath(container),
      CNI_PATH: pluginsDir,
      PATH: process.env.PATH!,
    };
    const { exitCode, stdout, stderr } = await this.#run({ plugin, stdinPath, environment });
    if (exitCode !== 0) throw new Error(`${plugin} ${command} ${container}: exit code ${exitCode}: ${stdout}${stderr}`);
  }

  /** Milliseconds from before the start of the process until it has ended. */
  async time(contender: Contender, command: string, container: string): Promise<number> {
    this.makeNamespace(container);
    const start = performance.now();
    await this.call(contender, command, container);
    return performance.now() - start;
  }

  /** What was measured has to have been done. @throws Error when not so many endpoints have their policy in the kernel */
  expectEnforced(count: number): void {
    using nftables = Nftables.open({ namespace: this.#cluster.hosts[0]!.namespace });
    const map = nftables.list('inet weir')?.find((object) => (object.map as { name?: string } | undefined)?.name === 'to_endpoint')?.map;
    const enforced = ((map as { elem?: unknown[] } | undefined)?.elem ?? []).length;
    if (enforced !== count) throw new Error(`${enforced} endpoints have their policy in force, not ${count}`);
  }

  /** Returns when the host has so many links of Weir's. */
  async untilLinks(count: number): Promise<void> {
    using netlink = Netlink.open({ namespace: this.#cluster.hosts[0]!.namespace });
    while (netlink.links().filter(({ name }) => name.startsWith('weir')).length > count) await delay(1);
  }
}
