/** The CNI tools in the plugin folder, and who may change what root runs. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { currentBundle } from '@weir/agent/one-shot-bundle';
import { TOOLS } from '@weir/cni';
import { LAUNCHER_CONF, launcherPath, parseLauncherConf } from '@weir/cni/launcher';
import { ONE_SHOT, PROGRAM } from '../host-install/host-files.ts';
import type { HostFolders } from '../host-install/host-folders.ts';
import { type Check, failed, ok, warning } from './check.ts';

const INSTALL = 'weir cni install';

export async function checkTools(folders: HostFolders): Promise<Check[]> {
  return Promise.all([
    checkFolder('plugin folder', folders.pluginsDir),
    checkFolder('config folder', folders.configDir),
    checkFolder('programs of Weir', dirname(PROGRAM)),
    checkFolder('Node', dirname(process.execPath)),
    checkLaunchers(folders),
    checkConf(folders),
    checkBundle(),
  ]);
}

/** What is in these folders runs as root, or says what does. */
async function checkFolder(name: string, path: string): Promise<Check> {
  try {
    const { uid, mode } = await stat(path);
    const others = uid !== 0 ? `belongs to user ${uid}` : (mode & 0o022) !== 0 ? 'may be written to by others' : undefined;
    if (others === undefined) return ok(name, path);
    return warning(name, `${path} ${others}, and root runs what is in it`, `chown root ${path} && chmod go-w ${path}`);
  } catch (error) {
    return failed(name, (error as Error).message, `${INSTALL} makes it; the Mesos agent has to be given the same`);
  }
}

async function checkLaunchers({ pluginsDir }: HostFolders): Promise<Check> {
  const name = 'tools';
  const binary = await launcherPath();
  const own = existsSync(binary) ? await readFile(binary) : undefined;
  const found = await Promise.all([...TOOLS.keys()].map(async (tool) => ({ tool, fault: await faultOf(join(pluginsDir, tool), own) })));
  const faults = found.flatMap(({ tool, fault }) => (fault === undefined ? [] : [`${tool} ${fault}`]));
  if (faults.length > 0) return failed(name, faults.join(', '), INSTALL);
  return own === undefined
    ? warning(name, 'there, but this installation has compiled none to compare them with', INSTALL)
    : ok(name, `${[...TOOLS.keys()].join(', ')}: of this version`);
}

async function faultOf(path: string, own: Buffer | undefined): Promise<string | undefined> {
  try {
    if (((await stat(path)).mode & 0o111) === 0) return 'is not executable';
    return own === undefined || own.equals(await readFile(path)) ? undefined : 'is of another version';
  } catch {
    return 'is missing';
  }
}

async function checkConf({ pluginsDir, agentConfig }: HostFolders): Promise<Check> {
  const path = join(pluginsDir, LAUNCHER_CONF);
  let conf: Map<string, string>;
  try {
    conf = parseLauncherConf(await readFile(path, 'utf8'));
  } catch (error) {
    return failed(LAUNCHER_CONF, (error as Error).message, INSTALL);
  }
  const wanted = { node: process.execPath, entry: ONE_SHOT, config: agentConfig };
  const other = Object.entries(wanted).filter(([key, value]) => conf.get(key) !== value);
  if (other.length === 0) return ok(LAUNCHER_CONF, path);
  const texts = other.map(([key, value]) => `${key} is ${conf.get(key) ?? 'missing'}, not ${value}`);
  return failed(LAUNCHER_CONF, texts.join('; '), `${INSTALL}, or run verify of that installation`);
}

function checkBundle(): Check {
  const name = 'calls without an agent';
  const bundle = currentBundle();
  if (bundle !== undefined) return ok(name, bundle);
  return warning(name, 'no bundle of their program that is of this version: they take some tenths of a second', INSTALL);
}
