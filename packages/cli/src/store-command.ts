import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from '@oclif/core/command';
import type { Store, StoreOptions } from '@weir/datastore';
import { CliError } from './cli-error.ts';
import { STORE_FILE_FLAGS, storeFlags } from './store-flags.ts';
import type { Stores } from './write-object.ts';

const DEFAULT_CONFIG = '/etc/weir/weir.yaml';
const CONFIG_EXAMPLE = ['expected such as:', 'store:', '  backend: etcd', '  etcd:', '    endpoints: [http://10.0.0.1:2379]'];

/** The parsed flags of a command; those of the store among them. */
export type FlagValues = Record<string, unknown>;

/** A command that works on the objects in the store. */
export abstract class StoreCommand extends Command {
  static override baseFlags = storeFlags;

  /** Opens the store that flags, variables and configuration file name, and closes it after the work, whatever happens. */
  protected async withStore<T>(flags: FlagValues, work: (store: Store) => Promise<T>): Promise<T> {
    const { openStore } = await import('@weir/datastore');
    const store = await openStore(await this.storeOptions(flags));
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** As `withStore`, with the objects read and written as such. */
  protected async withObjects<T>(flags: FlagValues, work: (stores: Stores) => Promise<T>): Promise<T> {
    const { ObjectStore } = await import('@weir/datastore');
    return this.withStore(flags, (store) => work({ store, objects: new ObjectStore(store) }));
  }

  /** @throws CliError EUSAGE for settings that are wrong or do not go together, and for a bad configuration file */
  protected async storeOptions(flags: FlagValues): Promise<StoreOptions> {
    const { resolveStoreOptions, StoreError } = await import('@weir/datastore');
    const configFile = await readConfig(flags.config as string | undefined);
    try {
      return resolveStoreOptions({ env: process.env, flags: absolutePaths(flags), ...(configFile && { configFile }) });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new CliError('EUSAGE', error.message, { cause: error });
    }
  }
}

/** The store wants absolute paths; who types a relative one means the folder that the shell is in. */
function absolutePaths(flags: FlagValues): FlagValues {
  const paths = STORE_FILE_FLAGS.filter((name) => flags[name]).map((name) => [name, resolve(flags[name] as string)]);
  return { ...flags, ...Object.fromEntries(paths) };
}

/** The `store` section; other sections are left alone, so that an agent's own file serves too. */
async function readConfig(given: string | undefined): Promise<{ path: string; store: unknown } | undefined> {
  const path = given ?? DEFAULT_CONFIG;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (given === undefined && code === 'ENOENT') return undefined;
    throw new CliError('EUSAGE', `cannot read the configuration file: ${message}`, { cause: error });
  }
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw new CliError('EUSAGE', `the configuration file ${path} is no YAML: ${(error as Error).message}`, { cause: error });
  }
  if (typeof content !== 'object' || content === null || !('store' in content)) {
    throw new CliError('EUSAGE', `the configuration file ${path} has no section "store"`, { details: CONFIG_EXAMPLE });
  }
  return { path, store: content.store };
}
