import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';

/**
 * What the isolator keeps on disk (network/cni's paths.hpp), below `<runtimeDir>/isolators/network/cni`:
 * `<containerId>/ns`, `<containerId>/<network>/network.conf`, `<containerId>/<network>/<ifname>/network.info`,
 * and the container's `hosts`, `hostname` and `resolv.conf`.
 */
export class Checkpoint {
  readonly root: string;

  constructor(runtimeDir: string) {
    this.root = join(runtimeDir, 'isolators/network/cni');
    mkdirSync(this.root, { recursive: true });
  }

  containers(): string[] {
    return readdirSync(this.root);
  }

  containerDir(containerId: string): string {
    return join(this.root, containerId);
  }

  namespacePath(containerId: string): string {
    return join(this.root, containerId, 'ns');
  }

  networkConfigPath(containerId: string, network: string): string {
    return join(this.root, containerId, network, 'network.conf');
  }

  interfaceDir(containerId: string, network: string, interfaceName: string): string {
    return join(this.root, containerId, network, interfaceName);
  }

  writeNetworkConfig(containerId: string, network: string, interfaceName: string, json: string): void {
    mkdirSync(this.interfaceDir(containerId, network, interfaceName), { recursive: true });
    writeFileSync(this.networkConfigPath(containerId, network), json);
  }

  writeResult(containerId: string, network: string, interfaceName: string, stdout: string): void {
    writeFileSync(join(this.interfaceDir(containerId, network, interfaceName), 'network.info'), stdout);
  }

  readResult(containerId: string, network: string, interfaceName: string): string | undefined {
    const path = join(this.interfaceDir(containerId, network, interfaceName), 'network.info');
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  removeInterface(containerId: string, network: string, interfaceName: string): void {
    rmSync(this.interfaceDir(containerId, network, interfaceName), { recursive: true });
  }

  removeContainer(containerId: string): void {
    rmSync(this.containerDir(containerId), { recursive: true, force: true });
  }

  /**
   * The networks whose interface is still there, thus whose DEL has not succeeded. Only the container's own sub-folders are looked at: of a
   * network named `a/b` Mesos finds a network `a` without a stored configuration, and so calls no DEL for it after a restart.
   *
   * @throws {LabError} ERECOVER when a network has several interfaces
   */
  attachments(containerId: string): { network: string; interfaceName: string }[] {
    return foldersIn(this.containerDir(containerId)).flatMap((network) => {
      const interfaces = foldersIn(join(this.containerDir(containerId), network));
      if (interfaces.length > 1)
        throw new LabError(
          'ERECOVER',
          `More than one interface of container ${containerId} in network '${network}': ${interfaces.join(', ')}`,
        );
      return interfaces.map((interfaceName) => ({ network, interfaceName }));
    });
  }
}

function foldersIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}
