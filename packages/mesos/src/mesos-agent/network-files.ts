/** The files of `--network_cni_config_dir`, as the `network/cni` isolator reads them. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { findPlugin } from './plugin-path.ts';

const route = z.object({ dst: z.string(), gw: z.string().nullish() });
const strings = z.array(z.string()).nullish();

/** What Mesos parses of a network file (network/cni's spec.proto, NetworkConfig); the rest is carried along unread. */
const networkConfigSchema = z.object({
  name: z.string(),
  type: z.string(),
  ipam: z.object({ type: z.string(), routes: z.array(route).nullish() }).nullish(),
  dns: z.object({ nameservers: strings, domain: z.string().nullish(), search: strings, options: strings }).nullish(),
});

export interface NetworkFolders {
  /** `--network_cni_config_dir` */
  configDir: string;
  /** `--network_cni_plugins_dir`: one folder, or several as `a:b` */
  pluginsDir: string;
}

/** A file that Mesos passes by, in its own words. */
export interface SkippedFile {
  path: string;
  reason: string;
}

/**
 * Every regular file of the folder, whatever its extension.
 * @returns network name → file, and the files that cannot be used
 * @throws what `readdir` throws
 */
export function loadNetworkFiles({ configDir, pluginsDir }: NetworkFolders): { files: Map<string, string>; skipped: SkippedFile[] } {
  const files = new Map<string, string>();
  const skipped: SkippedFile[] = [];
  for (const entry of readdirSync(configDir)) {
    const path = join(configDir, entry);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    const reason = reject(path);
    if (reason !== undefined) skipped.push({ path, reason });
  }
  return { files, skipped };

  function reject(path: string): string | undefined {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      return `Failed to read CNI network configuration file '${path}': ${(error as Error).message}`;
    }
    const parsed = parseNetworkConfig(text);
    if ('problem' in parsed) return `Failed to parse CNI network configuration file '${path}': ${parsed.problem}`;
    const { name, type, ipam } = parsed.config;
    if (files.has(name)) return `Skipping configuration file '${path}' since network '${name}' already exists`;
    const skipping = `Skipping network '${name}', from configuration file '${path}', since we failed to find`;
    if (findPlugin(type, pluginsDir) === undefined) return `${skipping} CNI plugin '${type}' used by this network`;
    if (ipam && findPlugin(ipam.type, pluginsDir) === undefined) return `${skipping} IPAM plugin '${ipam.type}' used by this network`;
    files.set(name, path);
    return undefined;
  }
}

function parseNetworkConfig(text: string): { config: z.infer<typeof networkConfigSchema> } | { problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problem: `JSON parse failed: ${(error as Error).message}` };
  }
  const result = networkConfigSchema.safeParse(json);
  if (result.success) return { config: result.data };
  return { problem: `Protobuf parse failed: ${z.prettifyError(result.error)}` };
}
