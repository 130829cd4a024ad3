#!/usr/bin/env node
/** Builds the launcher and installs the tools on a Mesos agent: `node packages/cni/launcher/install.ts --plugins-dir /opt/cni/bin`. */
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildLauncher, installLauncher, type LauncherConf } from './build.ts';

const BUILD = fileURLToPath(new URL('../build', import.meta.url));
const ONE_SHOT = fileURLToPath(new URL('../../agent/src/one-shot.ts', import.meta.url));

const HELP = `Builds Weir's CNI launcher and installs it under the name of each tool.

  node install.ts --plugins-dir FOLDER [--config FILE] [--run-dir FOLDER] [--timeout SECONDS]

  --plugins-dir FOLDER  what the Mesos agent has as --network_cni_plugins_dir
  --config FILE         the agent's configuration; default /etc/weir/agent.yaml
  --run-dir FOLDER      runDir of that configuration; default /run/weir
  --timeout SECONDS     how long a call may take; default 60

A C compiler is needed, once; files of an earlier installation are replaced while they run.
`;

class UsageError extends Error {}

function readOptions(): { pluginsDir: string; conf: LauncherConf } | undefined {
  const { values } = parse();
  if (values.help) return undefined;
  const pluginsDir = absolute('--plugins-dir', values['plugins-dir']);
  const conf: LauncherConf = {
    socket: join(absolute('--run-dir', values['run-dir']), 'agent.sock'),
    node: process.execPath,
    entry: ONE_SHOT,
    config: absolute('--config', values.config),
    ...(values.timeout !== undefined && { timeout: seconds(values.timeout) }),
  };
  return { pluginsDir, conf };
}

function parse() {
  try {
    return parseArgs({
      options: {
        'plugins-dir': { type: 'string' },
        config: { type: 'string', default: '/etc/weir/agent.yaml' },
        'run-dir': { type: 'string', default: '/run/weir' },
        timeout: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** The launcher runs in whatever folder Mesos is in. */
function absolute(flag: string, path: string | undefined): string {
  if (path === undefined) throw new UsageError(`${flag} is missing`);
  if (!isAbsolute(path)) throw new UsageError(`${flag} ${path}: expected an absolute path`);
  return path;
}

function seconds(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`--timeout ${text}: expected whole seconds, 1 to 9999`);
}

try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else {
    const tools = await installLauncher(await buildLauncher(BUILD), options.pluginsDir, options.conf);
    for (const path of tools) console.log(path);
  }
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  if (error instanceof UsageError) console.error('  see --help');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
