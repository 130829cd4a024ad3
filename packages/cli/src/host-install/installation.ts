/** What `weir cni install` and `uninstall` work on: the files as they should be, from flags and from what the host has already. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buildLauncher, launcherPath } from '@weir/cni/launcher';
import type { HostFile, Obstacle } from './host-file.ts';
import { hostFiles } from './host-files.ts';
import type { HostFolders } from './host-folders.ts';
import { findNamesakes, readNetworkFiles } from './network-files.ts';
import { storeSection } from './store-section.ts';

const DEFAULT_RUN_DIR = '/run/weir';

export interface InstallationRequest {
  folders: HostFolders;
  networks: readonly string[];
  storeFlags: Record<string, unknown>;
  timeout?: number | undefined;
}

/** @throws CliError EUSAGE for flags that are wrong, LauncherBuildError, AgentError ECONFIG for a configuration that is there and wrong */
export async function filesToInstall(request: InstallationRequest): Promise<{ files: HostFile[]; obstacles: Obstacle[] }> {
  const { folders, storeFlags, timeout } = request;
  const networks = await readNetworkFiles(request.networks);
  const store = storeSection(storeFlags);
  const launcher = await readFile(await buildLauncher());
  const files = hostFiles({ folders, networks, store, runDir: await runDirOf(folders), node: process.execPath, launcher, timeout });
  const namesakes = await findNamesakes(folders.configDir, networks);
  return {
    files,
    obstacles: namesakes.map(({ path, name }) => ({ path, reason: `holds a network "${name}" already, and Mesos takes one of them` })),
  };
}

/** The same files, where neither a compiler nor a configuration has to be in order. */
export async function filesToUninstall(folders: HostFolders, networkNames: readonly string[]): Promise<HostFile[]> {
  const networks = await readNetworkFiles(networkNames);
  const binary = await launcherPath();
  const launcher = existsSync(binary) ? await readFile(binary) : Buffer.alloc(0);
  return hostFiles({ folders, networks, store: {}, runDir: DEFAULT_RUN_DIR, node: process.execPath, launcher }).filter(
    ({ path }) => path !== folders.agentConfig,
  );
}

/** `runDir` of the agent's configuration, which may be there already. */
export async function runDirOf({ agentConfig }: HostFolders): Promise<string> {
  if (!existsSync(agentConfig)) return DEFAULT_RUN_DIR;
  const { readConfig } = await import('@weir/agent');
  return readConfig(agentConfig, {}).runDir;
}
