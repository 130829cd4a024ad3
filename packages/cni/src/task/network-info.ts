import { weirLabel } from '@weir/resources';
import { z } from 'zod';
import { type NetworkConfig, parseConfig } from '../protocol/network-config.ts';
import { workedOutOnce } from '../worked-out-once.ts';

/** The key under `args` where Mesos' network/cni isolator puts what it knows about the task. */
export const MESOS_ARGS = 'org.apache.mesos';

/** What Mesos says about the task's network (`NetworkInfo` in mesos.proto), labels as they came, but for those to Weir: one spelling. */
export interface NetworkInfo {
  name?: string;
  labels: { key: string; value: string }[];
  groups: string[];
  ipAddresses: { protocol: 'IPv4' | 'IPv6'; address?: string }[];
  portMappings: { hostPort: number; containerPort: number; protocol: string }[];
}

const port = z.int().min(0).max(65535);

const networkInfoSchema = z
  .looseObject({
    name: z.string().optional(),
    // A label may have a key alone.
    labels: z.looseObject({ labels: z.array(z.looseObject({ key: z.string(), value: z.string().default('') })).default([]) }).optional(),
    groups: z.array(z.string()).default([]),
    ip_addresses: z
      .array(z.looseObject({ protocol: z.enum(['IPv4', 'IPv6']).default('IPv4'), ip_address: z.string().optional() }))
      .default([]),
    port_mappings: z.array(z.looseObject({ host_port: port, container_port: port, protocol: z.string().default('tcp') })).default([]),
  })
  .transform(
    (info): NetworkInfo => ({
      name: info.name,
      labels: info.labels?.labels.map(({ key, value }) => ({ key: weirLabel(key) ?? key, value })) ?? [],
      groups: info.groups,
      ipAddresses: info.ip_addresses.map(({ protocol, ip_address }) => ({ protocol, address: ip_address })),
      portMappings: info.port_mappings.map((mapping) => ({
        hostPort: mapping.host_port,
        containerPort: mapping.container_port,
        protocol: mapping.protocol.toLowerCase(),
      })),
    }),
  );

const mesosArgsSchema = z.looseObject({ network_info: networkInfoSchema.optional() });

/** True when Mesos called: it reads only the `ip4` and `ip6` of a result. */
export function isFromMesos(config: NetworkConfig): boolean {
  return config.args?.[MESOS_ARGS] !== undefined;
}

/**
 * @returns undefined when another runtime called
 * @throws CniError 7 when a field has the wrong type
 */
export function readNetworkInfo(config: NetworkConfig): NetworkInfo | undefined {
  const args = config.args?.[MESOS_ARGS];
  return args === undefined ? undefined : parseConfig(mesosArgsSchema, args, `args["${MESOS_ARGS}"]`).network_info;
}

/**
 * What Mesos asks for, as the runtime configuration of the CNI conventions: its port mappings become `portMappings`, the addresses that it
 * names `ips`. What a runtime says itself stays.
 */
export const withMesosRuntimeConfig = workedOutOnce((config: NetworkConfig): NetworkConfig => {
  const { portMappings = [], ipAddresses = [] } = readNetworkInfo(config) ?? {};
  const ips = ipAddresses.flatMap(({ address }) => address ?? []);
  if (portMappings.length === 0 && ips.length === 0) return config;
  const asked = { ...(portMappings.length > 0 && { portMappings }), ...(ips.length > 0 && { ips }) };
  return { ...config, runtimeConfig: { ...asked, ...config.runtimeConfig } };
});
