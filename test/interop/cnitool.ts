/** cnitool, the command line of CNI's reference library, on a host of the lab. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { LabHost } from '@weir/lab';

const VERSION = 'v1.3.0';
const FOLDER = new URL(`../../node_modules/.cache/cnitool-${VERSION}`, import.meta.url).pathname;
const BUILD_LIMIT_MS = 60_000;

export type CnitoolVerb = 'add' | 'check' | 'del' | 'gc' | 'status';

/** @returns its path, built by Go when it is not there yet; or why it cannot be had here */
export async function findCnitool(): Promise<{ path: string } | { missing: string }> {
  const path = join(FOLDER, 'cnitool');
  if (existsSync(path)) return { path };
  try {
    const env = { ...process.env, GOBIN: FOLDER };
    await promisify(execFile)('go', ['install', `github.com/containernetworking/cni/cnitool@${VERSION}`], { env, timeout: BUILD_LIMIT_MS });
    return { path };
  } catch (error) {
    const { code, stderr = '', message } = error as NodeJS.ErrnoException & { stderr?: string };
    return { missing: code === 'ENOENT' ? 'there is no Go' : `go install failed: ${(stderr || message).trim().split('\n').at(-1)}` };
  }
}

export interface CnitoolCall {
  verb: CnitoolVerb;
  network: string;
  /** Path of the container's network namespace. */
  namespace: string;
}

/**
 * Runs it in a mount namespace of its own, where libcni's cache, /var/lib/cni, is a folder of the test's.
 * @throws Error with what it said, when it does not end with 0
 */
export async function runCnitool(
  tool: { path: string; host: LabHost; configDir: string; cacheDir: string },
  { verb, network, namespace }: CnitoolCall,
): Promise<string> {
  mkdirSync(tool.cacheDir, { recursive: true });
  const script = 'mkdir -p /var/lib/cni && mount --bind "$1" /var/lib/cni && shift && exec "$@"';
  const command = [tool.path, verb, network, namespace];
  const child = tool.host.spawn('unshare', ['--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh', tool.cacheDir, ...command], {
    env: { PATH: process.env.PATH, NETCONFPATH: tool.configDir, CNI_PATH: `${tool.host.pluginsDir}:/usr/lib/cni`, CNI_IFNAME: 'eth0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
  if (code !== 0) throw new Error(`cnitool ${verb} ${network} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}
