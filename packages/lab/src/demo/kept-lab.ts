import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../cluster.ts';
import { nsenterArguments } from '../container/containerizer.ts';
import { WEIR } from '../repository.ts';
import type { Instance } from './instance.ts';
import { POLICY_FILE } from './play.ts';

/** Puts a `weir` command for the lab in its folder, and says what one can do with it. */
export function describeKeptLab(cluster: Cluster, instances: Instance[]): string {
  const weir = join(cluster.folder.path, 'weir');
  writeFileSync(weir, weirScript(cluster));
  chmodSync(weir, 0o755);
  const source = instances.find(({ label }) => label === 'other-1')!;
  const target = instances.find(({ label }) => label === 'nginx-1')!;
  const commands = [
    [`${weir} endpoint list -A`, 'who has which address, where'],
    [`${weir} apply -f ${POLICY_FILE}`, 'only access reaches nginx'],
    [`nsenter ${nsenterArguments(source.pid).join(' ')} ping -c 3 ${target.ipv4}`, `from ${source.label} to ${target.label}`],
    [`${weir} ipam show`, 'pools, blocks and what is used of them'],
    [`${weir} delete -f ${POLICY_FILE}`, 'open again'],
  ];
  return [
    'Five commands to try, from this folder:',
    ...commands.map(([command, meaning]) => `\n  # ${meaning}\n  ${command}`),
    `\nLogs are in ${join(cluster.folder.path, 'log')}. To remove the lab: make clean-lab`,
  ].join('\n');
}

/** `weir` as typed on the first host, from where the store can be reached. */
function weirScript(cluster: Cluster): string {
  const variables = Object.entries(cluster.storeEnvironment).map(([name, value]) => `${name}=${value}`);
  return `#!/bin/sh\nexec nsenter --net=${cluster.hosts[0]!.namespace} env ${variables.join(' ')} ${process.execPath} ${WEIR} "$@"\n`;
}
