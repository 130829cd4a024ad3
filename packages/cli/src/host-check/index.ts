import type { HostFolders } from '../host-install/host-folders.ts';
import { checkAgent } from './agent.ts';
import { checkBetweenHosts } from './between-hosts.ts';
import type { Check } from './check.ts';
import { checkKernel } from './kernel.ts';
import { checkMesosAgent, checkNetworks } from './networks.ts';
import { checkTools } from './tools.ts';

export { formatChecks } from './check.ts';

/** Everything that a host needs, from the kernel up. */
export async function checkHost(folders: HostFolders): Promise<Check[]> {
  const { checks, networks } = await checkNetworks(folders);
  return [
    ...(await checkKernel()),
    ...(await checkTools(folders)),
    ...checks,
    ...checkMesosAgent(folders),
    ...(await checkAgent(folders, networks)),
    ...(await checkBetweenHosts(folders, networks)),
  ];
}
