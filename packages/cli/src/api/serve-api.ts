import { readFileSync } from 'node:fs';
import { CliError } from '../cli-error.ts';
import type { Stores } from '../objects/stores.ts';
import { isLoopback, makeApi } from './api-server.ts';
import { TokenFile } from './token-file.ts';

export interface ServeOptions {
  stores: Stores;
  /** `address:port`; an IPv6 address in brackets. */
  listen: string;
  /** Files. */
  tokens: string;
  cert?: string | undefined;
  key?: string | undefined;
  clientCa?: string | undefined;
  logLevel: string;
  version: string;
}

/** Serves until SIGTERM or SIGINT; what is under way is answered. @throws CliError EUSAGE */
export async function serveApi({ stores, listen, tokens, cert, key, clientCa, logLevel, version }: ServeOptions): Promise<void> {
  const { host, port } = parseListen(listen);
  const tls = cert && key ? { cert: read(cert), key: read(key), ca: clientCa === undefined ? undefined : read(clientCa) } : undefined;
  if (tls === undefined && !isLoopback(host)) {
    throw new CliError('EUSAGE', `without TLS the API listens on the loopback only, not on ${host}: tokens would be readable on the way`, {
      details: ['give --tls-cert and --tls-key'],
    });
  }
  const stop = new AbortController();
  const file = new TokenFile(tokens, (error) =>
    api.log.error({ err: error }, 'the file of tokens cannot be read: those that were in it stay good'),
  );
  const api = makeApi({ stores, tokens: file, tls, version, logLevel, signal: stop.signal });
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  try {
    await listening(api.listen({ host, port }), listen);
    await stopped;
  } finally {
    stop.abort();
    await api.close();
  }
}

async function listening(started: Promise<string>, where: string): Promise<void> {
  try {
    await started;
  } catch (error) {
    throw new CliError('EUSAGE', `the API cannot listen on ${where}: ${(error as Error).message}`, { cause: error });
  }
}

function parseListen(text: string): { host: string; port: number } {
  const [, host, port] = /^(\[[0-9a-f:]+\]|[\w.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new CliError('EUSAGE', `--listen ${text}: expected address:port, such as 127.0.0.1:9490`);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CliError('EUSAGE', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
