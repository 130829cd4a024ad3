/** The sockets by which a Docker engine finds its drivers `weir` and `weir-ipam` (moby/moby, docs/extend/plugin_api.md). They are root's alone. */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { answer, type Driver, type Role } from '@weir/docker';
import type { Logger } from '../log.ts';

const SOCKETS: readonly [string, Role][] = [
  ['weir.sock', 'NetworkDriver'],
  ['weir-ipam.sock', 'IpamDriver'],
];

export interface PluginOptions {
  /** Where the engine looks for plugins. */
  folder: string;
  driver: Driver;
  log: Logger;
}

/** @returns closes them: no new calls */
export async function servePlugin({ folder, driver, log }: PluginOptions): Promise<() => void> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const servers = await Promise.all(
    SOCKETS.map(([name, role]) => listen(join(folder, name), (...pair) => serve(driver, role, log, ...pair))),
  );
  return () => {
    for (const server of servers) {
      server.close();
      server.closeIdleConnections();
    }
  };
}

async function listen(path: string, handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => void handle(request, response));
  // The engine keeps its connections, and would take one that was closed at the wrong moment for a plugin that fails.
  server.keepAliveTimeout = 0;
  rmSync(path, { force: true });
  // Bound before `listen` returns; others may look into this folder.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
      process.umask(before);
    });
  } finally {
    process.umask(before);
  }
  return server;
}

async function serve(driver: Driver, role: Role, log: Logger, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const started = performance.now();
  const path = request.url ?? '';
  try {
    const { status, body, error } = await answer(driver, role, { path, body: await text(request) });
    response.writeHead(status, { 'content-type': 'application/vnd.docker.plugins.v1.1+json' });
    response.end(JSON.stringify(body));
    const call = { call: path.slice(1), ms: Math.round((performance.now() - started) * 10) / 10 };
    if (error === undefined) log.debug(call, 'Docker call');
    else log.error({ ...call, error: error.message }, 'Docker call failed');
  } catch (error) {
    log.debug({ call: path, error: (error as Error).message }, 'Docker went away');
    response.destroy();
  }
}
