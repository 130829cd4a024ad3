import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError } from '../lab-error.ts';
import { type ConfigObject, parseConfig } from './config-json.ts';
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

export interface NetworkConfigsOptions {
  /** `--network_cni_config_dir` */
  configDir: string;
  /** `--network_cni_plugins_dir`: one folder, or several as `a:b` */
  pluginsDir: string;
  logError: (message: string) => void;
}

/** The networks of a config folder, looked up as the `network/cni` isolator does. */
export class NetworkConfigs {
  readonly #options: NetworkConfigsOptions;
  #files: Map<string, string>;

  constructor(options: NetworkConfigsOptions) {
    this.#options = options;
    this.#files = loadNetworkFiles(options);
  }

  /**
   * The network's file, read anew. A file that no longer holds the network makes the whole folder be read again, so files may be added,
   * changed and renamed while the agent runs.
   */
  read(network: string): ConfigObject {
    const known = this.#files.get(network);
    if (known !== undefined) {
      try {
        return readNetworkFile(network, known);
      } catch (error) {
        this.#options.logError(`Removing the network '${network}' from cache: ${(error as Error).message}`);
      }
    }
    this.#files = loadNetworkFiles(this.#options);
    const found = this.#files.get(network);
    if (found === undefined) throw new LabError('ENETWORK', `Unknown CNI network '${network}'`);
    return readNetworkFile(network, found);
  }

  names(): string[] {
    return [...this.#files.keys()];
  }
}

/** @returns network name → file, of every regular file whatever its extension; a file that cannot be used is logged and skipped. */
function loadNetworkFiles({ configDir, pluginsDir, logError }: NetworkConfigsOptions): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(configDir)) {
    const path = join(configDir, entry);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    const reason = reject(path);
    if (reason !== undefined) logError(reason);
  }
  return files;

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
    const skipped = `Skipping network '${name}', from configuration file '${path}', since we failed to find`;
    if (findPlugin(type, pluginsDir) === undefined) return `${skipped} CNI plugin '${type}' used by this network`;
    if (ipam && findPlugin(ipam.type, pluginsDir) === undefined) return `${skipped} IPAM plugin '${ipam.type}' used by this network`;
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

function readNetworkFile(network: string, path: string): ConfigObject {
  let config: ConfigObject;
  try {
    config = parseConfig(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new LabError('ECONFIG', `Failed to read or parse CNI network configuration file '${path}': ${(error as Error).message}`);
  }
  if (config.name !== network)
    throw new LabError('ECONFIG', `The network file '${path}' holds '${String(config.name)}', not the network '${network}'`);
  return config;
}
