/** Everything of a bundle, in the order in which somebody would look. */
import { readFile } from 'node:fs/promises';
import { CONFIG_FILES } from '../command-line/config-file.ts';
import { configuredHost } from '../ipam/kernel-addresses.ts';
import { formatRoutes, readRoutes } from '../node/node-routes.ts';
import type { Stores } from '../objects/stores.ts';
import { type AgentFile, agentParts, readAgentFile } from './agent-parts.ts';
import { readParts } from './bundle.ts';
import { kernelParts } from './kernel-parts.ts';
import type { Part, ReadPart } from './part.ts';
import { readStore, type StoreContent, storeParts } from './store-parts.ts';

export interface DiagRequest {
  version: string;
  /** Of the agent; absent: where it usually is. */
  agentConfig?: string | undefined;
  /** File of the agent's log; absent: the journal. */
  log?: string | undefined;
  /** Opens the store for the work. */
  withStore: <T>(work: (stores: Stores) => Promise<T>) => Promise<T>;
}

export async function collect(request: DiagRequest): Promise<{ host: string; parts: ReadPart[] }> {
  const path = request.agentConfig ?? CONFIG_FILES.agent;
  const file = await caught(readAgentFile(path));
  const known: Partial<AgentFile> = file instanceof Error ? {} : file;
  const host = known.host ?? (await configuredHost(undefined));
  const secrets = [...(known.secrets ?? [])];
  const store = await caught(
    request.withStore(async (stores) => ({
      content: await readStore(stores, host),
      routes: await readRoutes(stores, { names: [host], all: false, isHere: true, config: path }),
    })),
  );
  const content: StoreContent | Error = store instanceof Error ? store : store.content;
  const routes = async () => {
    if (store instanceof Error) throw store;
    return formatRoutes(store.routes, Number.POSITIVE_INFINITY);
  };
  const parts: Part[] = [
    { file: 'versions.txt', what: 'versions of Weir, Node, the kernel and the distribution', read: () => versions(request.version, host) },
    ...agentParts({ path, file, http: known.http ?? '127.0.0.1:9480', log: request.log }),
    { file: 'routes.txt', what: 'weir node routes', read: routes },
    ...storeParts(content, secrets),
    ...kernelParts(),
  ];
  return { host, parts: await readParts(parts, secrets) };
}

async function versions(version: string, host: string): Promise<string> {
  const [kernel, distribution] = await Promise.all([
    readFile('/proc/version', 'utf8'),
    readFile('/etc/os-release', 'utf8').catch(() => ''),
  ]);
  return [
    `host ${host}`,
    `time ${new Date().toISOString()}`,
    `weir ${version}`,
    `node ${process.version}`,
    kernel.trim(),
    distribution,
    '',
  ].join('\n');
}

async function caught<T>(work: Promise<T>): Promise<T | Error> {
  try {
    return await work;
  } catch (error) {
    return error as Error;
  }
}
