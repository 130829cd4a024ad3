/** Looks a network's configuration over before anything runs with it: what ADD would refuse, and what nobody would notice. */
import { didYouMean } from '@weir/resources';
import { z } from 'zod';
import { CniError } from '../cni-error.ts';
import { parseJson } from '../protocol/json.ts';
import { networkConfigSchema, parseConfig } from '../protocol/network-config.ts';
import { CNI_VERSIONS, highestVersion, isCniVersion } from '../protocol/version.ts';
import type { Tool } from '../tool.ts';
import { TOOLS } from '../tool-table.ts';
import { weir } from '../tools/weir.ts';
import { weirIpam } from '../tools/weir-ipam.ts';
import { weirPolicy } from '../tools/weir-policy.ts';
import { weirRoute } from '../tools/weir-route.ts';
import { stepSchema } from './chain.ts';
import { executePlugin, findPlugin } from './execute-plugin.ts';
import { changesMac } from './mac-change.ts';

/** Of a plugin to say its versions, in milliseconds. */
const VERSION_TIMEOUT = 5000;

const versionsSchema = z.looseObject({ supportedVersions: z.array(z.string()).min(1) });

export interface NetworkProblem {
  /** `error`: ADD fails, or what it makes carries nothing. `warning`: it works, perhaps not as it was meant. */
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
  const network = config as Record<string, unknown> & { type?: string; cniVersion?: string; cniVersions?: string[] };
  const tool = TOOLS.get(network.type ?? '');
  if (tool === undefined) return [];
  const version = highestVersion({ ...network, cniVersion: network.cniVersion || '0.1.0' });
  if (network.cniVersion && !isCniVersion(network.cniVersion)) {
    problems.push({
      severity: 'error',
      message: `cniVersion ${JSON.stringify(network.cniVersion)} is not known: use ${CNI_VERSIONS.join(', ')}`,
    });
  }
  problems.push(...checkKeys(tool.config, network, tool.name, COMMON_KEYS));
  if (tool !== weir)
    return [
      ...problems,
      ...checkCapabilities(tool, network, tool.name),
      ...(await checkIpam(network, { where: tool.name, version, pluginFolders })),
    ];
  const { data } = weir.config.safeParse(network);
  const chain = (data?.chain ?? []) as Record<string, unknown>[];
  problems.push(...checkOrder(chain));
  for (const [index, step] of chain.entries())
    problems.push(...(await checkStep(step, { where: `chain.${index}`, version, pluginFolders })));
  return problems;
}

/** What each step is right in itself with, and the chain is not. */
function checkOrder(chain: readonly Record<string, unknown>[]): NetworkProblem[] {
  return chain.flatMap((step, index): NetworkProblem[] => {
    const { type } = step;
    const where = `chain.${index} (${type})`;
    if (type === weirPolicy.name && index === 0)
      return [{ severity: 'error', message: `${where} has no interface to guard: put it behind the step that makes one` }];
    if (type === weirIpam.name)
      return [{ severity: 'error', message: `${where} is no step: it goes into "ipam" of the step that makes the interface` }];
    if (changesMac(step) && isAfterForeignLink(chain.slice(0, index)))
      return [
        {
          severity: 'error',
          message: `${where} changes the MAC address that weir-policy keeps the container to: put it before weir-policy`,
        },
      ];
    return [];
  });
}

/** weir-route makes its link with the address that it is to have in the end. */
function isAfterForeignLink(before: readonly Record<string, unknown>[]): boolean {
  const types = before.map(({ type }) => type);
  return types.includes(weirPolicy.name) && !types.includes(weirRoute.name);
}

interface Place {
  /** In the network file. */
  where: string;
  /** That its plugin will be spoken to in. */
  version: string;
  pluginFolders: readonly string[];
}

async function checkStep(step: Record<string, unknown>, place: Place): Promise<NetworkProblem[]> {
  const type = String(step.type);
  const tool = TOOLS.get(type);
  const here = { ...place, where: `${place.where} (${type})`, ...(typeof step.cniVersion === 'string' && { version: step.cniVersion }) };
  const own =
    tool === undefined
      ? await checkPlugin(type, here)
      : [...checkKeys(tool.config, step, here.where, COMMON_KEYS), ...checkCapabilities(tool, step, here.where)];
  return [...own, ...(await checkIpam(step, here))];
}

/** A runtime hands over what is declared, and takes it for done. Of an interface plugin's, its IPAM plugin has them too. */
function checkCapabilities({ name, capabilities }: Tool, step: Record<string, unknown>, where: string): NetworkProblem[] {
  const ipamType = (step.ipam as { type?: unknown } | undefined)?.type;
  if (ipamType !== undefined && ipamType !== weirIpam.name) return [];
  const declared = Object.entries((step.capabilities ?? {}) as Record<string, unknown>).filter(([, value]) => value === true);
  return declared.flatMap(([capability]): NetworkProblem[] => {
    if (capabilities.includes(capability)) return [];
    if (capability === 'ipRanges' && ipamType === weirIpam.name) {
      const message = `${where}: weir-ipam gives addresses of pools, and refuses a runtime's "ipRanges": name pools in "ipam", and take the capability out`;
      return [{ severity: 'error', message }];
    }
    return [
      {
        severity: 'warning',
        message: `${where}: ${name} does nothing with the capability "${capability}": it belongs to a step of the plugin that does`,
      },
    ];
  });
}

/** Plugins of others read their section themselves; only whether its plugin is there, and speaks the version, can be told. */
async function checkIpam(config: Record<string, unknown>, place: Place): Promise<NetworkProblem[]> {
  const ipam = config.ipam as Record<string, unknown> | undefined;
  if (typeof ipam?.type !== 'string' || ipam.type === '') return [];
  const tool = TOOLS.get(ipam.type);
  return tool === undefined
    ? [...(await checkPlugin(ipam.type, place)), ...checkGateways(config, place.where)]
    : checkKeys(tool.config, ipam, `${place.where}.ipam`, ['type', 'routes', 'dns']);
}

/** Its CHECK looks for them in the result, where the gateway of a container of weir-route is its host. */
function checkGateways({ type, ipam }: Record<string, unknown>, where: string): NetworkProblem[] {
  const { type: ipamType, addresses } = ipam as Record<string, unknown>;
  const hasGateway = Array.isArray(addresses) && addresses.some((one: { gateway?: unknown } | null) => one?.gateway !== undefined);
  if (type !== weirRoute.name || ipamType !== 'static' || !hasGateway) return [];
  return [
    {
      severity: 'warning',
      message: `${where}: the gateway of a container of weir-route is its host, and CHECK of static will miss its own: take "gateway" out of "ipam"`,
    },
  ];
}

function checkKeys(schema: z.ZodObject, config: Record<string, unknown>, where: string, common: readonly string[]): NetworkProblem[] {
  const known = [...Object.keys(schema.shape), ...common];
  const unknown = Object.keys(config).filter((key) => !known.includes(key) && !key.includes('/'));
  return [
    ...attempt(() => void parseConfig(schema, config, where)),
    ...unknown.map((key) => ({ severity: 'warning' as const, message: `${where}: "${key}" is no key of it${didYouMean(key, known)}` })),
  ];
}

async function checkPlugin(type: string, { where, version, pluginFolders }: Place): Promise<NetworkProblem[]> {
  try {
    const known = await versionsOf(await findPlugin(type, pluginFolders), pluginFolders);
    if (known === undefined || known.includes(version) || !isCniVersion(version)) return [];
    const message = `${where}: plugin "${type}" speaks ${known.join(', ')}, and would be called in ${version}: give the step, or the network, a "cniVersion" of these`;
    return [{ severity: 'error', message }];
  } catch (error) {
    return [problemOf(error)];
  }
}

/** Undefined where the plugin does not say: VERSION came with 0.2.0. */
async function versionsOf(path: string, pluginFolders: readonly string[]): Promise<string[] | undefined> {
  const environment = { CNI_COMMAND: 'VERSION', CNI_PATH: pluginFolders.join(':'), PATH: process.env.PATH ?? '' };
  const { exitCode, stdout } = await executePlugin({ path, environment, stdin: '{"cniVersion":"1.0.0"}', timeout: VERSION_TIMEOUT });
  if (exitCode !== 0) return undefined;
  try {
    return versionsSchema.parse(parseJson(stdout)).supportedVersions;
  } catch {
    return undefined;
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
