import { isIP } from 'node:net';
import { z } from 'zod';
import { LabError } from '../lab-error.ts';

const ipSchema = z.object({
  ip: z.string(),
  gateway: z.string().nullish(),
  routes: z.array(z.object({ dst: z.string(), gw: z.string().nullish() })).nullish(),
});
const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

/** What Mesos reads of a plugin's answer (network/cni's spec.proto, NetworkInfo): `ips`, `interfaces` and cniVersion are not looked at. */
const resultSchema = z.object({
  ip4: ipSchema.nullish(),
  ip6: ipSchema.nullish(),
  dns: z.object({ nameservers: strings, domain: z.string().nullish(), search: strings, options: strings }).nullish(),
});

export type PluginResult = z.infer<typeof resultSchema>;
export type PluginDns = NonNullable<PluginResult['dns']>;

/** @throws {LabError} ERESULT for what makes Mesos fail the launch: no JSON object, `ip4` without `ip`, a field of another type. */
export function parseResult(stdout: string, plugin: string): PluginResult {
  let json: unknown;
  try {
    json = JSON.parse(stdout);
  } catch (error) {
    throw unusable(plugin, `JSON parse failed: ${(error as Error).message}`);
  }
  const parsed = resultSchema.safeParse(json);
  if (!parsed.success) throw unusable(plugin, `Protobuf parse failed: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The address of `10.1.2.3/32`. @throws {LabError} ERESULT when the prefix length is missing: Mesos takes CIDR form only. */
export function addressOf(cidr: string): string {
  const [address = '', prefix, ...rest] = cidr.split('/');
  const valid = isIP(address) === 4 && prefix !== undefined && /^\d+$/.test(prefix) && Number(prefix) <= 32 && rest.length === 0;
  if (!valid) throw new LabError('ERESULT', `Unable to parse the IP address ${cidr} for the container: expected CIDR form, as 10.1.2.3/32`);
  return address;
}

function unusable(plugin: string, reason: string): LabError {
  return new LabError('ERESULT', `Failed to parse the output of the CNI plugin '${plugin}': ${reason}`);
}
