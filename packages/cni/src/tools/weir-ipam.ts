import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { parseConfig } from '../protocol/network-config.ts';
import type { Call } from '../protocol/request.ts';
import { addressesOn, plainAddress, type Route } from '../protocol/result.ts';
import type { Services } from '../services.ts';
import { networkLabels } from '../task/network-labels.ts';
import { requestedAddresses } from '../task/requested-addresses.ts';
import { taskIdentity } from '../task/task-identity.ts';
import type { Tool } from '../tool.ts';
import { collectStale } from './collect-stale.ts';
import { onLink, routesSchema, subnetsSchema, takenOnLink } from './subnets.ts';

/** The network labels by which a task chooses pools, and the Claim whose addresses it is to have. */
const POOL_LABEL = 'weir/pool';
const CLAIM_LABEL = 'weir/claim';

/** The `ipam` section of a network's configuration. */
const configSchema = z.looseObject({
  /** Names of pools to take addresses from; every enabled one when absent. */
  pools: z.array(z.string()).optional(),
  /** One address of each; those that the pools have when absent. */
  families: z
    .array(z.enum(['IPv4', 'IPv6']))
    .min(1)
    .optional(),
  /** Of the link, for interface plugins that make one which containers share; each address is alone when absent. */
  subnets: subnetsSchema.default([]),
  /** Handed on in the result. */
  routes: routesSchema.default([]),
});

/** What a section `ipam` of the tool hands on. */
export function routesIn(ipam: unknown): Route[] {
  return parseConfig(configSchema, ipam, 'ipam').routes;
}

/** Hands out addresses of Weir's pools. Works under any interface plugin. */
export const weirIpam: Tool = {
  name: 'weir-ipam',
  config: configSchema,
  capabilities: ['ips'],

  async add(call, services) {
    refuseRanges(call);
    const { pools, families, subnets, routes } = parseConfig(configSchema, call.config.ipam ?? {}, 'ipam');
    const { containerId, interfaceName, namespace, config } = call;
    const task = taskIdentity(call, 'weir-ipam');
    const { claim, chosenPools } = addressLabels(call);
    const assigned = await services.addresses.allocate({
      containerId,
      interfaceName,
      network: config.name,
      namespace,
      pools: narrowed(pools, chosenPools),
      families,
      addresses: requestedAddresses(call),
      reserved: takenOnLink(subnets),
      claim: claim && `${task.namespace}/${claim}`,
      task,
    });
    try {
      return { interfaces: [], ips: assigned.map(({ address }) => onLink(address, subnets)), routes, dns: {} };
    } catch (error) {
      await services.addresses.release({ containerId, interfaceName });
      throw error;
    }
  },

  async del({ containerId, interfaceName }, services) {
    await services.addresses.release({ containerId, interfaceName });
  },

  async check(call, services) {
    if (call.prevResult === undefined) throw new CniError(CNI_CODE.invalidConfig, 'weir-ipam: CHECK needs the prevResult of the ADD');
    const held = await heldBy(call, services);
    const missing = addressesOn(call.prevResult, call.interfaceName)
      .map(({ address }) => plainAddress(address))
      .filter((address) => !held.includes(address));
    if (missing.length === 0) return;
    const message = `weir-ipam: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not held for ${call.containerId} ${call.interfaceName}`;
    throw new CniError(CNI_CODE.mismatch, message, { details: `held: ${held.join(', ') || 'nothing'}; stop the task and launch it again` });
  },

  async gc(call, services) {
    await collectStale(weirIpam, call, services);
  },

  async status({ config }, services) {
    const { pools, families } = parseConfig(configSchema, config.ipam ?? {}, 'ipam');
    await services.addresses.probe({ network: config.name, pools, families });
  },
};

/** Pools are the operator's. Passed over, the container had an address that its runtime did not mean it to have. */
function refuseRanges({ config: { runtimeConfig } }: Call): void {
  const { ipRanges } = runtimeConfig ?? {};
  if (ipRanges === undefined || ipRanges === null || (Array.isArray(ipRanges) && ipRanges.length === 0)) return;
  throw new CniError(
    CNI_CODE.unsupportedField,
    `runtimeConfig.ipRanges is ${JSON.stringify(ipRanges)}: weir-ipam gives addresses of pools`,
    {
      details: 'name pools in "ipam" of the network file, and take the capability ipRanges out of it',
    },
  );
}

/** What a task says of its addresses by labels. Their text is taken as it is: names of objects need no cleaning. */
function addressLabels({ config }: Call): { claim?: string; chosenPools?: string[] } {
  const labels = new Map(networkLabels(config).map(({ key, value }) => [key, value.trim()]));
  const names = (labels.get(POOL_LABEL) ?? '').split(',').map((name) => name.trim());
  const chosenPools = names.filter((name) => name !== '');
  return { claim: labels.get(CLAIM_LABEL) || undefined, ...(chosenPools.length > 0 && { chosenPools }) };
}

/** A task chooses among the pools that its network file names; any when that names none. */
function narrowed(allowed: string[] | undefined, chosen: string[] | undefined): string[] | undefined {
  const outside = chosen?.find((name) => allowed !== undefined && !allowed.includes(name));
  if (outside === undefined) return chosen ?? allowed;
  throw new CniError(
    CNI_CODE.addressRefused,
    `the task asks for pool "${outside}": its network takes addresses of ${allowed!.join(', ')} alone`,
    {
      details: `correct the network label ${POOL_LABEL}`,
    },
  );
}

async function heldBy({ containerId, interfaceName }: Call, services: Services): Promise<string[]> {
  const held = await services.addresses.held();
  return held.filter((one) => one.containerId === containerId && one.interfaceName === interfaceName).map(({ address }) => address);
}
