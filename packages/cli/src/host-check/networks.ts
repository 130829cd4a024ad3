/** The network files: as Mesos reads them, and as Weir's tools do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNetwork, type NetworkProblem, TOOLS } from '@weir/cni';
import { loadNetworkFiles, mesosAgentFlags } from '@weir/mesos';
import type { HostFolders } from '../host-install/host-folders.ts';
import { type Check, failed, ok, skipped, warning } from './check.ts';

/** Networks of Weir's that Mesos would use: name to parsed file. */
export type Networks = Map<string, { path: string; config: Record<string, unknown> }>;

export async function checkNetworks({ configDir, pluginsDir }: HostFolders): Promise<{ checks: Check[]; networks: Networks }> {
  const networks: Networks = new Map();
  let loaded: ReturnType<typeof loadNetworkFiles>;
  try {
    loaded = loadNetworkFiles({ configDir, pluginsDir });
  } catch (error) {
    return { checks: [failed('network files', (error as Error).message, 'weir cni install')], networks };
  }
  const checks = loaded.skipped.map(({ path, reason }) => {
    // A file that is nothing of Weir's is not what Weir's networks fail by.
    const verdict = readFileSync(path, 'utf8').includes('"weir') ? failed : warning;
    return verdict(`file ${path}`, `Mesos passes it by: ${reason}`, 'correct it, or take it out of the folder');
  });
  for (const [name, path] of loaded.files) {
    const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (!TOOLS.has(String(config.type))) continue;
    networks.set(name, { path, config });
    checks.push(await checkOne(name, path, config, pluginsDir));
  }
  if (networks.size === 0) checks.push(failed('network files', `there is none of Weir's in ${configDir}`, 'weir cni install'));
  return { checks, networks };
}

async function checkOne(name: string, path: string, config: Record<string, unknown>, pluginsDir: string): Promise<Check> {
  const title = `network ${name}`;
  const problems = [...(await checkNetwork(config, pluginsDir.split(':'))), ...ipv6Alone(config)];
  if (problems.length === 0) return ok(title, path);
  const texts = problems.map(({ message }) => message).join('; ');
  const remedy = `correct ${path}; docs/configuration.md#the-network-file has all keys`;
  return problems.some(({ severity }) => severity === 'error') ? failed(title, texts, remedy) : warning(title, texts, remedy);
}

/** Other runtimes take it; Mesos' command executor cannot do with an address that /etc/hosts has no line for. */
export function ipv6Alone(config: Record<string, unknown>): NetworkProblem[] {
  const steps = [config, ...(Array.isArray(config.chain) ? (config.chain as Record<string, unknown>[]) : [])];
  return steps.flatMap(({ ipam }) => {
    const { type, families } = (ipam ?? {}) as { type?: unknown; families?: unknown };
    if (type !== 'weir-ipam' || !Array.isArray(families) || families.includes('IPv4')) return [];
    return [{ severity: 'warning', message: `ipam.families is ${JSON.stringify(families)}: tasks of Mesos fail without an IPv4 address` }];
  });
}

/** Whether the Mesos agent that runs here looks where the files are. */
export function checkMesosAgent({ configDir, pluginsDir }: HostFolders, proc?: string): Check[] {
  const name = 'Mesos agent';
  const flags = mesosAgentFlags(proc);
  if (flags === undefined) return [skipped(name, 'none runs on this host')];
  const wanted = { network_cni_config_dir: configDir, network_cni_plugins_dir: pluginsDir };
  const checks = Object.entries(wanted).flatMap(([flag, folder]) => {
    const given = flags.get(flag);
    if (given?.split(':').some((part) => join(part, '.') === join(folder, '.'))) return [];
    return [
      failed(
        name,
        `it has ${given === undefined ? `no --${flag}` : `--${flag}=${given}`}`,
        `start it with --${flag}=${folder}, or install there`,
      ),
    ];
  });
  if (flags.get('isolation')?.split(',').includes('network/cni') !== true)
    checks.push(failed(name, `it has --isolation=${flags.get('isolation') ?? ''}`, 'start it with network/cni among --isolation'));
  return checks.length > 0 ? checks : [ok(name, 'its flags lead to these folders')];
}
