/** Podman with its CNI backend on a host of the lab: libcni itself calls the tools, as in any runtime but Mesos. */

import { once } from 'node:events';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { LabHost } from '@weir/lab';

const BUSYBOX = '/bin/busybox';
const DEBIAN_PLUGINS = '/usr/lib/cni';

/** A list as `cni.dev` has it. */
export interface NetworkList {
  cniVersion: string;
  name: string;
  plugins: object[];
}

export interface PodmanContainer {
  name: string;
  /** Path of its network namespace. */
  namespace: string;
  /** Per network, the first address of each family. */
  addresses: string[];
}

export class Podman {
  readonly #host: LabHost;
  readonly #folder: string;
  readonly #containers = new Set<string>();

  /** @param folder for all that Podman keeps; removed by the caller */
  constructor(host: LabHost, folder: string, networks: readonly NetworkList[]) {
    this.#host = host;
    this.#folder = folder;
    for (const name of ['networks', 'root', 'runroot', 'tmp', 'rootfs/bin']) mkdirSync(join(folder, name), { recursive: true });
    for (const network of networks) writeFileSync(join(folder, 'networks', `${network.name}.conflist`), JSON.stringify(network));
    copyFileSync(BUSYBOX, join(folder, 'rootfs/bin/busybox'));
    symlinkSync('busybox', join(folder, 'rootfs/bin/sh'));
    symlinkSync('busybox', join(folder, 'rootfs/bin/sleep'));
    writeFileSync(
      join(folder, 'containers.conf'),
      [
        '[network]',
        'network_backend = "cni"',
        `cni_plugin_dirs = ["${host.pluginsDir}", "${DEBIAN_PLUGINS}"]`,
        `network_config_dir = "${join(folder, 'networks')}"`,
        '[engine]',
        'cgroup_manager = "cgroupfs"',
        'events_logger = "none"',
        '',
      ].join('\n'),
    );
  }

  /** @throws Error with what Podman said */
  async run(name: string, network: string, ...more: string[]): Promise<PodmanContainer> {
    this.#containers.add(name);
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
    const rootfs = join(this.#folder, 'rootfs');
    await this.#podman('run', '-d', '--name', name, '--network', network, ...limits, ...more, '--rootfs', rootfs, '/bin/sleep', '100000');
    const [found] = JSON.parse(await this.#podman('inspect', name)) as {
      NetworkSettings: { SandboxKey: string; Networks: Record<string, { IPAddress: string; GlobalIPv6Address: string }> };
    }[];
    const { SandboxKey: namespace, Networks: networks } = found!.NetworkSettings;
    const addresses = Object.values(networks).flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address]);
    return { name, namespace, addresses: addresses.filter((address) => address !== '') };
  }

  /** Ends it, and takes it off its network. */
  async remove(name: string): Promise<void> {
    await this.#podman('rm', '-f', '-t', '0', name);
    this.#containers.delete(name);
  }

  /** Everything that is left, whatever state it is in. */
  async close(): Promise<void> {
    for (const name of this.#containers) await this.#podman('rm', '-f', '-i', '-t', '0', name).catch(() => {});
  }

  async #podman(...args: string[]): Promise<string> {
    const folders = ['root', 'runroot', 'tmp'].map((name) => join(this.#folder, name));
    const [root, runroot, tmp] = folders as [string, string, string];
    const places = ['--root', root, '--runroot', runroot, '--tmpdir', tmp, '--runtime', 'runc', '--storage-driver', 'vfs'];
    const child = this.#host.spawn('podman', [...places, ...args], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: this.#folder, CONTAINERS_CONF: join(this.#folder, 'containers.conf') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
    if (code !== 0) throw new Error(`podman ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }
}
