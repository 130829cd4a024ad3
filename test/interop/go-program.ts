/** Programs of others that Go builds from its module proxy, once for each version, into node_modules/.cache. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fileLock } from '@weir/kernel';

const CACHE = new URL('../../node_modules/.cache', import.meta.url).pathname;

/** Less than ava lets a file wait. What Go has compiled by then it keeps, so the next run comes further. */
const BUILD_LIMIT_MS = 100_000;

/** A program's path, or why it cannot be had here. */
export type GoProgram = { path: string } | { missing: string };

/** Where the programs built from one version of a module are. */
export const cacheFolder = (name: string, version: string): string => join(CACHE, `${name}-${version}`);

/** @param of.package path of a package `main` whose last part is the program's name; nothing of its module may be replaced */
export async function goInstall({ package: path, version }: { package: string; version: string }): Promise<GoProgram> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const folder = cacheFolder(name, version);
  return builtOnce(join(folder, name), () => go(['install', `${path}@${version}`], { GOBIN: folder }));
}

/** @param build makes the program, in one move; called when it is not there yet, by one test file at a time */
export async function builtOnce(path: string, build: () => Promise<unknown>): Promise<GoProgram> {
  try {
    if (existsSync(path)) return { path };
    mkdirSync(dirname(path), { recursive: true });
    using _building = await fileLock(`${path}.lock`, { wait: BUILD_LIMIT_MS });
    if (!existsSync(path)) await build();
    return { path };
  } catch (error) {
    const { code, killed, stderr = '', message } = error as NodeJS.ErrnoException & { killed?: boolean; stderr?: string };
    if (code === 'ENOENT') return { missing: 'there is no Go' };
    if (killed) return { missing: `Go was not done within ${BUILD_LIMIT_MS / 1000} s; the next run goes on from there` };
    return { missing: (stderr || message).trim().split('\n').at(-1)! };
  }
}

/** @returns what it printed */
export async function go(args: string[], env: Record<string, string> = {}, cwd?: string): Promise<string> {
  const { stdout } = await promisify(execFile)('go', args, { env: { ...process.env, ...env }, timeout: BUILD_LIMIT_MS, cwd });
  return stdout;
}
