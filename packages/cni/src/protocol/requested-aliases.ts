import { z } from 'zod';
import { type NetworkConfig, parseConfig } from './network-config.ts';

const texts = z.array(z.string());

const schema = z.union([texts, z.record(z.string(), texts)], { error: 'expected a list of names, or one for each network' }).nullish();

/**
 * Further names that the runtime wants the container to have in this network: the capability `aliases`. A list of texts (CNI CONVENTIONS.md,
 * "Well-known Capabilities"), or, as Podman hands them over for its plugin `dnsname`, such a list for each network by its name.
 * @throws CniError 7
 */
export function requestedAliases({ name, runtimeConfig }: NetworkConfig): string[] {
  const asked = parseConfig(schema, runtimeConfig?.aliases, 'runtimeConfig.aliases') ?? [];
  const aliases = Array.isArray(asked) ? asked : (asked[name] ?? []);
  return [...new Set(aliases.filter((alias) => alias !== ''))];
}
