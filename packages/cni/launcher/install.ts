/** The files of the tools in a plugin folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOOLS } from '../src/tool-table.ts';
import { placeFile } from './place-file.ts';

/** What a launcher needs to know; it stands in `weir-launcher.conf` beside it. Paths are absolute. */
export interface LauncherConf {
  /** The agent's unix socket. */
  socket: string;
  /** The Node binary for when no agent answers. */
  node: string;
  /** The script that does one call: `node <entry> --config <config> <tool>`. */
  entry: string;
  /** The agent's configuration file. */
  config: string;
  /** Seconds that a call may take; 60 when absent. */
  timeout?: number;
}

export interface LauncherFile {
  path: string;
  content: Buffer;
  /** Permissions. */
  mode: number;
}

export const LAUNCHER_CONF = 'weir-launcher.conf';

/** The tools' files, in the order in which they are put there: what a tool needs comes before it. */
export function launcherFiles(binary: Buffer, pluginFolder: string, conf: LauncherConf): LauncherFile[] {
  const lines = Object.entries(conf).map(([key, value]) => `${key}=${value}\n`);
  return [
    { path: join(pluginFolder, LAUNCHER_CONF), content: Buffer.from(lines.join('')), mode: 0o644 },
    ...[...TOOLS.keys()].map((name) => ({ path: join(pluginFolder, name), content: binary, mode: 0o755 })),
  ];
}

/** The lines of a `weir-launcher.conf`, by key. */
export function parseLauncherConf(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes('='));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/**
 * Puts the launcher into a plugin folder under every tool's name, with its configuration. Files of an earlier installation are replaced
 * atomically, also while they run.
 * @param binary path of the compiled launcher
 * @returns the paths of the tools
 */
export async function installLauncher(binary: string, pluginFolder: string, conf: LauncherConf): Promise<string[]> {
  const files = launcherFiles(await readFile(binary), pluginFolder, conf);
  for (const file of files) await placeFile(file.path, file.content, file.mode);
  return files.slice(1).map(({ path }) => path);
}
