import { readFile } from 'node:fs/promises';
import { CliError } from '../cli-error.ts';

/** Where `weir` looks when it is told nothing: its own file, else that of the host's agent. */
export const CONFIG_FILES = { own: '/etc/weir/weir.yaml', agent: '/etc/weir/agent.yaml' };

const EXAMPLE = ['expected such as:', 'store:', '  backend: etcd', '  etcd:', '    endpoints: [http://10.0.0.1:2379]'];

export interface StoreSection {
  path: string;
  /** Parsed, not checked. Undefined: the file says nothing of the store. */
  store: unknown;
}

export interface ConfigSources {
  /** By flag or variable. It has to be there, and to have the section. */
  given: string | undefined;
  /** Flags or variables say where the store is: then an agent's file that may not be read is not missed. */
  placeNamed: boolean;
  files?: typeof CONFIG_FILES;
}

/**
 * The `store` section of the configuration file; other sections are left alone, so that an agent's own file serves too. Undefined: there is no file.
 * An agent's file without the section is one whose agent has the embedded store.
 * @throws CliError EUSAGE for a file that cannot be read
 */
export async function readStoreSection({ given, placeNamed, files = CONFIG_FILES }: ConfigSources): Promise<StoreSection | undefined> {
  if (given !== undefined) return sectionOf(given, await readText(given));
  const own = await readText(files.own, ['ENOENT']);
  if (own !== undefined) return sectionOf(files.own, own);
  const agent = await readText(files.agent, placeNamed ? ['ENOENT', 'EACCES'] : ['ENOENT']);
  if (agent === undefined) return undefined;
  return { path: files.agent, store: (await parseMapping(files.agent, agent))?.store };
}

async function readText(path: string, absent?: undefined): Promise<string>;
async function readText(path: string, absent: string[]): Promise<string | undefined>;
async function readText(path: string, absent: string[] = []): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (absent.includes(code)) return undefined;
    throw new CliError('EUSAGE', `cannot read the configuration file: ${message}`, { cause: error });
  }
}

async function sectionOf(path: string, text: string): Promise<StoreSection> {
  const content = await parseMapping(path, text);
  if (content === undefined || !('store' in content)) {
    throw new CliError('EUSAGE', `the configuration file ${path} has no section "store"`, { details: EXAMPLE });
  }
  return { path, store: content.store };
}

async function parseMapping(path: string, text: string): Promise<Record<string, unknown> | undefined> {
  const { parse } = await import('yaml');
  try {
    const content: unknown = parse(text);
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : undefined;
  } catch (error) {
    throw new CliError('EUSAGE', `the configuration file ${path} is no YAML: ${(error as Error).message}`, { cause: error });
  }
}
