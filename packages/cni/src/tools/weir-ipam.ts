import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { parseConfig } from '../network-config.ts';
import type { Call } from '../request.ts';
import { requestedAddresses } from '../requested-addresses.ts';
import { plainAddress, type Result } from '../result.ts';
import type { Services } from '../services.ts';
import type { Tool } from '../tool.ts';

/** The `ipam` section of a network's configuration. */
const configSchema = z.looseObject({
  /** Names of pools to take addresses from; every enabled one when absent. */
  pools: z.array(z.string()).optional(),
  /** One address of each; those that the pools have when absent. */
  families: z
    .array(z.enum(['IPv4', 'IPv6']))
    .min(1)
    .optional(),
});

/** Hands out addresses of Weir's pools. Works under any interface plugin: its result holds addresses and nothing else. */
export const weirIpam: Tool = {
  name: 'weir-ipam',

  async add(call, services) {
    const { pools, families } = parseConfig(configSchema, call.config.ipam ?? {}, 'ipam');
    const { containerId, interfaceName, namespace, config } = call;
    const assigned = await services.addresses.allocate({
      containerId,
      interfaceName,
      network: config.name,
      namespace,
      pools,
      families,
      addresses: requestedAddresses(call),
    });
    const ips = assigned.map(({ address, prefixLength }) => ({ address: `${address}/${prefixLength}` }));
    return { interfaces: [], ips, routes: [], dns: {} };
  },

  async del({ containerId, interfaceName }, services) {
    await services.addresses.release({ containerId, interfaceName });
  },

  async check(call, services) {
    if (call.prevResult === undefined) throw new CniError(CNI_CODE.invalidConfig, 'weir-ipam: CHECK needs the prevResult of the ADD');
    const held = await heldBy(call, services);
    const missing = addressesOf(call.prevResult).filter((address) => !held.includes(address));
    if (missing.length === 0) return;
    const message = `weir-ipam: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not held for ${call.containerId} ${call.interfaceName}`;
    throw new CniError(CNI_CODE.mismatch, message, { details: `held: ${held.join(', ') || 'nothing'}; stop the task and launch it again` });
  },
};

async function heldBy({ containerId, interfaceName }: Call, services: Services): Promise<string[]> {
  const held = await services.addresses.held();
  return held.filter((one) => one.containerId === containerId && one.interfaceName === interfaceName).map(({ address }) => address);
}

function addressesOf(result: Result): string[] {
  return result.ips.map(({ address }) => plainAddress(address));
}
