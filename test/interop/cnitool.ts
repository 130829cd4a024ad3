/** cnitool, the command line of CNI's reference library, on a host of the lab. */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { LabHost } from '@weir/lab';
import { type GoProgram, goInstall } from './go-program.ts';

export type CnitoolVerb = 'add' | 'check' | 'del' | 'gc' | 'status';

export const findCnitool = (): Promise<GoProgram> =>
  goInstall({ package: 'github.com/containernetworking/cni/cnitool', version: 'v1.3.0' });

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
