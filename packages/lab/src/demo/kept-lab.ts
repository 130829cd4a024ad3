import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../cluster.ts';
import { nsenterArguments } from '../container/containerizer.ts';
import type { LabHost } from '../lab-host.ts';
import { WEIR } from '../repository.ts';
import type { Instance } from './instance.ts';
import { NAMESPACE, POLICY_FILE } from './play.ts';

/** Puts a `weir` command for each host in its folder, and one for the first in the lab's; says what one can do with it. */
export function describeKeptLab(cluster: Cluster, { marathonUrl, instances }: { marathonUrl: string; instances: Instance[] }): string {
  for (const host of cluster.hosts) writeWeir(host, join(cluster.folder.path, host.name, 'weir'));
  const weir = join(cluster.folder.path, 'weir');
  writeWeir(cluster.hosts[0]!, weir);
  const source = instances.find(({ label }) => label === 'other-1')!;
  const target = instances.find(({ label }) => label === 'nginx-1')!;
  const commands = [
    [`${weir} endpoint list -A`, 'who has which address, where'],
    [`${weir} apply -f ${POLICY_FILE}`, 'only access reaches nginx'],
    [`nsenter ${nsenterArguments(source.pid).join(' ')} ping -c 3 ${target.ipv4}`, `from ${source.label} to ${target.label}: no answer`],
    [`${weir} trace --from ${NAMESPACE}/run=other --to ${NAMESPACE}/run=nginx --port icmp`, 'why?'],
    [`${weir} delete -f ${POLICY_FILE}`, 'open again'],
  ];
  return [
    'Five commands to try, from this folder:',
    ...commands.map(([command, meaning]) => `\n  # ${meaning}\n  ${command}`),
    `\n${weir} is typed on host-1; ${join(cluster.folder.path, 'host-2', 'weir')} and so on are there, too.`,
    `Marathon on ${marathonUrl} takes the apps of marathon/README.md, and yours.`,
    `Logs are in ${join(cluster.folder.path, 'log')}. To remove the lab: make clean-lab`,
  ].join('\n');
}

/** `weir` as typed on a host: in its network, with its agent's configuration. */
function writeWeir({ namespace, agentConfig }: LabHost, path: string): void {
  writeFileSync(path, `#!/bin/sh\nexec nsenter --net=${namespace} env WEIR_CONFIG=${agentConfig} ${process.execPath} ${WEIR} "$@"\n`);
  chmodSync(path, 0o755);
}
