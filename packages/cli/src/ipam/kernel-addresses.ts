import { hostname } from 'node:os';
import type { Inventory, KernelAddresses } from '@weir/ipam';
import { CliError } from '../cli-error.ts';
import { CONFIG_FILES } from '../command-line/config-file.ts';

/**
 * What this machine has: the addresses of its own network namespace, and of those that its containers' allocations name.
 * @param named what the machine is called in the cluster; default: `configuredHost`
 * @throws CliError ENOTFOUND for a host that the cluster does not know; KernelError, without the rights to look
 */
export async function readKernel(
  { blocks, hosts }: Inventory,
  { host: named, config }: { host: string | undefined; config: string | undefined },
): Promise<KernelAddresses> {
  const host = named ?? (await configuredHost(config));
  if (!hosts.some(({ metadata }) => metadata.name === host)) {
    throw new CliError('ENOTFOUND', `host/${host} was not found: say with --host what this machine is called in the cluster`);
  }
  const allocations = blocks.flatMap(({ spec }) => Object.values(spec?.allocations ?? {}));
  const paths = new Set(allocations.flatMap((one) => (one.host === host ? (one.namespace ?? []) : [])));
  const { openNamespace } = await import('@weir/kernel');
  const namespaces = new Set<string>();
  const addresses = await addressesIn(undefined);
  for (const path of paths) {
    try {
      using namespace = openNamespace(path);
      addresses.push(...(await addressesIn(namespace)).map((one) => ({ ...one, namespace: path })));
      namespaces.add(path);
    } catch (error) {
      // Gone, or the plain file that stays of a mount after a reboot.
      if (!['ENOENT', 'EINVAL', 'ENOTDIR'].includes(String((error as { code?: unknown }).code))) throw error;
    }
  }
  return { host, namespaces, addresses };
}

type Namespace = NonNullable<Parameters<typeof import('@weir/kernel').Netlink.open>[0]>['namespace'];

async function addressesIn(namespace: Namespace): Promise<KernelAddresses['addresses']> {
  const { Netlink } = await import('@weir/kernel');
  using netlink = Netlink.open({ namespace });
  const names = new Map(netlink.links().map(({ index, name }) => [index, name]));
  return netlink
    .addresses()
    .filter(({ scope }) => scope === 'global')
    .map(({ cidr, link }) => ({ address: cidr.slice(0, cidr.indexOf('/')), link: names.get(link) ?? `link ${link}` }));
}

/**
 * What this machine is called in the cluster: as its agent is configured, else its host name.
 * @param config the configuration file that flag or variable names
 */
export async function configuredHost(config: string | undefined): Promise<string> {
  const { readConfig } = await import('@weir/agent');
  const { existsSync } = await import('node:fs');
  const file = config ?? (existsSync(CONFIG_FILES.agent) ? CONFIG_FILES.agent : undefined);
  return file === undefined ? hostname().toLowerCase() : readConfig(file).host;
}
