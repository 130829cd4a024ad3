/** The network files to install: ready ones of cni-configs/, or the operator's own. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.ts';
import type { NetworkFile } from './host-files.ts';

const READY_NETWORKS = fileURLToPath(new URL('../../../../cni-configs', import.meta.url));

/**
 * @param networks names of files in cni-configs/ without their ending, or paths of files, which have a "/" or end in .json
 * @throws CliError EUSAGE for a name that is none, or a file that is no network
 */
export async function readNetworkFiles(networks: readonly string[]): Promise<NetworkFile[]> {
  return Promise.all(networks.map(readNetworkFile));
}

async function readNetworkFile(network: string): Promise<NetworkFile> {
  const path = /\/|\.json$/.test(network) ? resolve(network) : join(READY_NETWORKS, `${network}.json`);
  const text = await readText(path, network);
  checkNetwork(path, text);
  return { fileName: basename(path), text };
}

async function readText(path: string, network: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const ready = (await readdir(READY_NETWORKS)).filter((name) => name.endsWith('.json')).map((name) => basename(name, '.json'));
    throw new CliError('EUSAGE', `there is no network file "${network}": ${(error as Error).message}`, {
      details: [`ready ones: ${ready.sort().join(', ')}; or give the path of your own, such as ./mine.json`],
      cause: error,
    });
  }
}

function checkNetwork(path: string, text: string): void {
  let network: { name?: unknown; type?: unknown } | null;
  try {
    network = JSON.parse(text);
  } catch (error) {
    throw new CliError('EUSAGE', `${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof network?.name !== 'string' || typeof network.type !== 'string')
    throw new CliError('EUSAGE', `${path} is no network of Mesos: "name" and "type" are needed at the top`, {
      details: ['a list of plugins becomes one by: weir cni convert'],
    });
}

/** Mesos takes the first file of a name that it meets, in no order that anybody could rely on. */
export async function findNamesakes(configDir: string, networks: readonly NetworkFile[]): Promise<{ path: string; name: string }[]> {
  const names = new Set(networks.map(({ text }) => (JSON.parse(text) as { name: string }).name));
  const files = await readdir(configDir, { withFileTypes: true }).catch(() => []);
  const others = files.filter((file) => !file.isDirectory() && !networks.some(({ fileName }) => fileName === file.name));
  const found = await Promise.all(
    others.map(async ({ name }) => ({ path: join(configDir, name), name: await nameIn(join(configDir, name)) })),
  );
  return found.flatMap(({ path, name }) => (name !== undefined && names.has(name) ? [{ path, name }] : []));
}

async function nameIn(path: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { name?: string }).name;
  } catch {
    // No network file: Mesos passes it by too.
    return undefined;
  }
}
