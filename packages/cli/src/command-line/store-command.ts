import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from '@oclif/core/command';
import type { Store, StoreOptions } from '@weir/datastore';
import { CliError } from '../cli-error.ts';
import type { Stores } from '../objects/stores.ts';
import { readStoreSection } from './config-file.ts';
import { STORE_FILE_FLAGS, storeFlags } from './store-flags.ts';

const HOW_TO_NAME_A_STORE = [
  'name the one to use: --etcd-endpoints URL,…, --store-path FILE, or --config FILE with a section "store"',
  'a new one is made by weir agent, weir apply and weir create',
];

export interface OpenStoreOptions {
  /** An embedded store that is not there is made. Who only looks would take a new, empty one for that of the host. */
  make?: boolean;
}

/** The parsed flags of a command; those of the store among them. */
export type FlagValues = Record<string, unknown>;

/** A command that works on the objects in the store. */
export abstract class StoreCommand extends Command {
  static override baseFlags = storeFlags;

  /**
   * Opens the store that flags, variables and configuration file name, and closes it after the work, whatever happens.
   * @throws CliError ENOSTORE when an embedded store is not there and not to be made
   */
  protected async withStore<T>(flags: FlagValues, work: (store: Store) => Promise<T>, { make = false }: OpenStoreOptions = {}): Promise<T> {
    const { openStore } = await import('@weir/datastore');
    const options = await this.storeOptions(flags);
    if (options.backend === 'embedded' && !make) await checkPresence(options.path);
    const store = await openStore(options);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** As `withStore`, with the objects read and written as such. */
  protected async withObjects<T>(flags: FlagValues, work: (stores: Stores) => Promise<T>, options?: OpenStoreOptions): Promise<T> {
    const { ObjectStore } = await import('@weir/datastore');
    return this.withStore(flags, (store) => work({ store, objects: new ObjectStore(store) }), options);
  }

  /** @throws CliError EUSAGE for settings that are wrong or do not go together, and for a bad configuration file */
  protected async storeOptions(flags: FlagValues): Promise<StoreOptions> {
    const { resolveStoreOptions, StoreError } = await import('@weir/datastore');
    const configFile = await readStoreSection({ given: flags.config as string | undefined, placeNamed: isPlaceNamed(flags) });
    try {
      return resolveStoreOptions({ env: process.env, flags: absolutePaths(flags), ...(configFile && { configFile }) });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new CliError('EUSAGE', error.message, { cause: error });
    }
  }
}

async function checkPresence(path: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    // Whatever else is wrong with the path, opening it says better.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    throw new CliError('ENOSTORE', `there is no store at ${path}`, { details: HOW_TO_NAME_A_STORE, cause: error });
  }
}

function isPlaceNamed(flags: FlagValues): boolean {
  const places = [flags['store-path'], flags['etcd-endpoints'], process.env.WEIR_STORE_PATH, process.env.WEIR_ETCD_ENDPOINTS];
  return places.some((place) => place !== undefined && place !== '');
}

/** The store wants absolute paths; who types a relative one means the folder that the shell is in. */
function absolutePaths(flags: FlagValues): FlagValues {
  const paths = STORE_FILE_FLAGS.filter((name) => flags[name]).map((name) => [name, resolve(flags[name] as string)]);
  return { ...flags, ...Object.fromEntries(paths) };
}
