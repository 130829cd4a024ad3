/** Builds the launcher and installs it under the name of each tool. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, copyFile, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TOOLS } from '../src/tool-table.ts';

const SOURCE = fileURLToPath(new URL('launcher.c', import.meta.url));
const FLAGS = ['-std=c99', '-Wall', '-Wextra', '-static', '-Os', '-s'];

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

export class LauncherBuildError extends Error {
  override readonly name = 'LauncherBuildError';
  /** ENOCOMPILER: there is none; ECOMPILE: it refused the source. */
  readonly code: 'ENOCOMPILER' | 'ECOMPILE';

  constructor(code: 'ENOCOMPILER' | 'ECOMPILE', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Compiles the launcher into `folder`, unless the same source was compiled there before.
 * @returns the binary's path
 * @throws LauncherBuildError
 */
export async function buildLauncher(folder: string, options: { compiler?: string } = {}): Promise<string> {
  const { compiler = process.env.CC ?? 'cc' } = options;
  const source = await readFile(SOURCE);
  const hash = createHash('sha256').update(source).update(FLAGS.join(' ')).update(process.arch).digest('hex').slice(0, 16);
  const binary = join(folder, `weir-launcher-${hash}`);
  if (await exists(binary)) return binary;
  await mkdir(folder, { recursive: true });
  const draft = `${binary}.${process.pid}`;
  try {
    await promisify(execFile)(compiler, [...FLAGS, '-o', draft, SOURCE]);
    await rename(draft, binary);
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException & { stderr?: string }, compiler);
  } finally {
    await rm(draft, { force: true });
  }
  return binary;
}

function explain(error: NodeJS.ErrnoException & { stderr?: string }, compiler: string): LauncherBuildError {
  if (error.code === 'ENOENT') {
    return new LauncherBuildError(
      'ENOCOMPILER',
      `there is no C compiler "${compiler}": install one (Debian: apt-get install gcc libc6-dev), or set CC`,
      { cause: error },
    );
  }
  return new LauncherBuildError('ECOMPILE', `${compiler} could not build the launcher: ${error.stderr || error.message}`, { cause: error });
}

/**
 * Puts the launcher into a Mesos agent's plugin folder under every tool's name, with its configuration. Files of an earlier
 * installation are replaced atomically, also while they run.
 * @returns the paths of the tools
 */
export async function installLauncher(binary: string, pluginFolder: string, conf: LauncherConf): Promise<string[]> {
  await mkdir(pluginFolder, { recursive: true });
  const lines = Object.entries(conf).map(([key, value]) => `${key}=${value}\n`);
  await replace(join(pluginFolder, 'weir-launcher.conf'), (draft) => writeFile(draft, lines.join('')));
  const paths = [...TOOLS.keys()].map((name) => join(pluginFolder, name));
  for (const path of paths) await replace(path, (draft) => linkOrCopy(binary, draft));
  return paths;
}

async function replace(path: string, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    await write(draft);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The launcher looks for its configuration beside itself, and a hard link is beside itself, where a symbolic one is not. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await copyFile(from, to);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
