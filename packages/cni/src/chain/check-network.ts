/** Looks a network's configuration over before anything runs with it: what ADD would refuse, and what nobody would notice. */
import { didYouMean } from '@weir/resources';
import type { z } from 'zod';
import { CniError } from '../cni-error.ts';
import { networkConfigSchema, parseConfig } from '../protocol/network-config.ts';
import { CNI_VERSIONS, isCniVersion } from '../protocol/version.ts';
import { TOOLS } from '../tool-table.ts';
import { weir } from '../tools/weir.ts';
import { stepSchema } from './chain.ts';
import { findPlugin } from './execute-plugin.ts';

export interface NetworkProblem {
  /** `error`: ADD fails. `warning`: it works, perhaps not as it was meant. */
  severity: 'error' | 'warning';
  message: string;
}

/** Of the specification and of libcni, for any plugin. */
const COMMON_KEYS = [
  ...Object.keys(networkConfigSchema.shape),
  ...Object.keys(stepSchema.shape),
  'dns',
  'disableCheck',
  'disableGC',
  'ipMasq',
];

/**
 * @param config as parsed from a network file; one that is not of Weir's tools has no problems here
 * @param pluginFolders where plugins of others are looked for, in order
 */
export async function checkNetwork(config: unknown, pluginFolders: readonly string[]): Promise<NetworkProblem[]> {
  const problems = attempt(() => void parseConfig(networkConfigSchema, config, 'network configuration'));
  if (problems.length > 0) return problems;
  const network = config as Record<string, unknown> & { type?: string; cniVersion?: string };
  const tool = TOOLS.get(network.type ?? '');
  if (tool === undefined) return [];
  if (network.cniVersion !== undefined && !isCniVersion(network.cniVersion)) {
    problems.push({
      severity: 'error',
      message: `cniVersion ${JSON.stringify(network.cniVersion)} is not known: use ${CNI_VERSIONS.join(', ')}`,
    });
  }
  problems.push(...checkKeys(tool.config, network, tool.name, COMMON_KEYS));
  if (tool !== weir) return [...problems, ...(await checkIpam(network, tool.name, pluginFolders))];
  const { data } = weir.config.safeParse(network);
  const chain = (data?.chain ?? []) as Record<string, unknown>[];
  for (const [index, step] of chain.entries()) problems.push(...(await checkStep(step, `chain.${index}`, pluginFolders)));
  return problems;
}

async function checkStep(step: Record<string, unknown>, where: string, pluginFolders: readonly string[]): Promise<NetworkProblem[]> {
  const type = String(step.type);
  const tool = TOOLS.get(type);
  const own = tool === undefined ? await checkPlugin(type, pluginFolders) : checkKeys(tool.config, step, `${where} (${type})`, COMMON_KEYS);
  return [...own, ...(await checkIpam(step, `${where} (${type})`, pluginFolders))];
}

/** Plugins of others read their section themselves; only whether its plugin is there can be told. */
async function checkIpam(config: Record<string, unknown>, where: string, pluginFolders: readonly string[]): Promise<NetworkProblem[]> {
  const ipam = config.ipam as Record<string, unknown> | undefined;
  if (typeof ipam?.type !== 'string' || ipam.type === '') return [];
  const tool = TOOLS.get(ipam.type);
  return tool === undefined
    ? checkPlugin(ipam.type, pluginFolders)
    : checkKeys(tool.config, ipam, `${where}.ipam`, ['type', 'routes', 'dns']);
}

function checkKeys(schema: z.ZodObject, config: Record<string, unknown>, where: string, common: readonly string[]): NetworkProblem[] {
  const known = [...Object.keys(schema.shape), ...common];
  const unknown = Object.keys(config).filter((key) => !known.includes(key) && !key.includes('/'));
  return [
    ...attempt(() => void parseConfig(schema, config, where)),
    ...unknown.map((key) => ({ severity: 'warning' as const, message: `${where}: "${key}" is no key of it${didYouMean(key, known)}` })),
  ];
}

async function checkPlugin(type: string, pluginFolders: readonly string[]): Promise<NetworkProblem[]> {
  try {
    await findPlugin(type, pluginFolders);
    return [];
  } catch (error) {
    return [problemOf(error)];
  }
}

function attempt(work: () => void): NetworkProblem[] {
  try {
    work();
    return [];
  } catch (error) {
    return [problemOf(error)];
  }
}

function problemOf(error: unknown): NetworkProblem {
  if (error instanceof CniError) return { severity: 'error', message: error.message };
  throw error;
}
