/** All files of an installation, as they should be. */
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOOLS } from '@weir/cni';
import { LAUNCHER_CONF, type LauncherConf, launcherFiles } from '@weir/cni/launcher';
import { stringify } from 'yaml';
import type { HostFile } from './host-file.ts';
import type { HostFolders } from './host-folders.ts';

/** Of these sources: the host runs them where they are. */
export const PROGRAM = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
export const ONE_SHOT = fileURLToPath(import.meta.resolve('@weir/agent/one-shot'));

const UNIT = 'weir-agent.service';

/** In each file that starts the program, and in no others: Weir's first installations named `weir.ts`. */
const MARK = 'packages/cli/bin/weir.';

export interface NetworkFile {
  /** As it will be in the config folder. */
  fileName: string;
  text: string;
}

export interface InstallationOptions {
  folders: HostFolders;
  networks: readonly NetworkFile[];
  /** Section `store` of a new configuration of the agent. */
  store: Record<string, unknown>;
  /** `runDir` of the agent's configuration. */
  runDir: string;
  /** Of the Node that runs all of it. */
  node: string;
  /** The compiled launcher. */
  launcher: Buffer;
  /** Seconds that a CNI call may take. */
  timeout?: number | undefined;
}

/**
 * In the order in which they are made. The network files come last: from then on Mesos may launch a task on that network, and all that
 * it takes is there.
 */
export function hostFiles({ folders, networks, store, runDir, node, launcher, timeout }: InstallationOptions): HostFile[] {
  const conf: LauncherConf = {
    socket: join(runDir, 'agent.sock'),
    node,
    entry: ONE_SHOT,
    config: folders.agentConfig,
    ...(timeout !== undefined && { timeout }),
  };
  return [
    agentConfig(folders.agentConfig, store),
    ...launcherFiles(launcher, folders.pluginsDir, conf).map((file) => ({ ...file, isConfiguration: false, isOurs: isOurTool(file.path) })),
    program(join(folders.binDir, 'weir'), 0o755, wrapper(node)),
    ...(folders.unitDir === undefined ? [] : [program(join(folders.unitDir, UNIT), 0o644, unit(node, folders.agentConfig))]),
    ...networks.map((network) => networkFile(folders.configDir, network)),
  ];
}

function agentConfig(path: string, store: Record<string, unknown>): HostFile {
  return {
    path,
    content: Buffer.from(`# All keys: docs/configuration.md\n${stringify({ store })}`),
    mode: 0o644,
    isConfiguration: true,
    isOurs: () => true,
  };
}

/** A launcher looks for its configuration by name. */
function isOurTool(path: string): HostFile['isOurs'] {
  return (content) => basename(path) === LAUNCHER_CONF || content.includes(LAUNCHER_CONF);
}

function program(path: string, mode: number, text: string): HostFile {
  return { path, content: Buffer.from(text), mode, isConfiguration: false, isOurs: (content) => content.includes(MARK) };
}

function networkFile(configDir: string, { fileName, text }: NetworkFile): HostFile {
  return { path: join(configDir, fileName), content: Buffer.from(text), mode: 0o644, isConfiguration: true, isOurs: isOurNetwork };
}

function isOurNetwork(content: Buffer): boolean {
  try {
    return TOOLS.has((JSON.parse(content.toString('utf8')) as { type: string }).type);
  } catch {
    return false;
  }
}

function wrapper(node: string): string {
  return `#!/bin/sh\n# Made by "weir cni install".\nexec ${shellWord(node)} ${shellWord(PROGRAM)} "$@"\n`;
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** No sandboxing: the agent opens network namespaces that Mesos mounts, and changes the host's own network. */
function unit(node: string, config: string): string {
  return `# Made by "weir cni install", which replaces it. Settings of your own: systemctl edit weir-agent
[Unit]
Description=Weir agent
After=network-online.target
Wants=network-online.target
Before=mesos-slave.service mesos-agent.service docker.service

[Service]
ExecStart=${[node, PROGRAM, 'agent', '--config', config].map(unitWord).join(' ')}
Restart=always
RestartSec=1
# Calls under way end first: only the agent is told to end. BIRD, where the agent started it, goes on with sessions and routes.
KillMode=process

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5), "Command lines": specifiers, variables, quotes. */
function unitWord(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w%$/.:@+=,-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
