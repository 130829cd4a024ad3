import { readFileSync } from 'node:fs';
import { loadNetworkFiles, type NetworkFolders } from '@weir/mesos';
import { LabError } from '../lab-error.ts';
import { type ConfigObject, parseConfig } from './config-json.ts';

export interface NetworkConfigsOptions extends NetworkFolders {
  logError: (message: string) => void;
}

/** The networks of a config folder, looked up as the `network/cni` isolator does. */
export class NetworkConfigs {
  readonly #options: NetworkConfigsOptions;
  #files: Map<string, string>;

  constructor(options: NetworkConfigsOptions) {
    this.#options = options;
    this.#files = load(options);
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
    this.#files = load(this.#options);
    const found = this.#files.get(network);
    if (found === undefined) throw new LabError('ENETWORK', `Unknown CNI network '${network}'`);
    return readNetworkFile(network, found);
  }

  names(): string[] {
    return [...this.#files.keys()];
  }
}

/** A file that cannot be used is logged and skipped. */
function load(options: NetworkConfigsOptions): Map<string, string> {
  const { files, skipped } = loadNetworkFiles(options);
  for (const { reason } of skipped) options.logError(reason);
  return files;
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
