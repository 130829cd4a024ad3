/** The API as a server: TLS, who may, what went wrong, and an end in order. */
import { isIP } from 'node:net';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Stores } from '../objects/stores.ts';
import { type ApiMetrics, apiMetrics } from './api-metrics.ts';
import { authorize } from './authorization.ts';
import { objectRoutes } from './object-routes.ts';
import { openApiDocument } from './openapi.ts';
import { type Problem, problemOf, RequestError } from './problem.ts';
import type { TokenFile } from './token-file.ts';
import { traceRoute } from './trace-route.ts';
import { Watches } from './watch.ts';

/** More than the store takes in one object. */
const BODY_LIMIT = 2 * 1024 * 1024;
/** Of an object, in bytes. */
const LONGEST_NAME = 253;
/** For a whole request to come in, in milliseconds: a slow one holds a connection no longer. */
const REQUEST_TIMEOUT = 30_000;

export interface ApiOptions {
  stores: Stores;
  tokens: TokenFile;
  /** PEM. With `ca`, clients have to show a certificate of it. */
  tls?: { cert: Buffer; key: Buffer; ca?: Buffer | undefined } | undefined;
  version: string;
  logLevel: string;
  /** Ends the watches. */
  signal: AbortSignal;
}

export function makeApi({ stores, tokens, tls, version, logLevel, signal }: ApiOptions): FastifyInstance {
  const https = tls && { ...tls, ...(tls.ca !== undefined && { requestCert: true, rejectUnauthorized: true }) };
  const api = fastify({
    https: https ?? null,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT,
    forceCloseConnections: 'idle',
    // Each request is told of once it is answered, below, without its headers.
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: LONGEST_NAME },
    logger: { level: logLevel, base: { name: 'weir-api' } },
  }) as unknown as FastifyInstance;
  api.setErrorHandler((error: FastifyError, request, reply) => sendProblem(error, request, reply));
  api.setNotFoundHandler((request, reply) =>
    sendProblem(
      new RequestError('ENOTFOUND', `there is nothing at ${request.method} ${pathOnly(request)}; see /openapi.json`),
      request,
      reply,
    ),
  );
  // Kubernetes' clients and curl -d send JSON under other names, or none.
  api.addContentTypeParser(['application/merge-patch+json', 'application/x-www-form-urlencoded'], (_request, _payload, done) =>
    done(Object.assign(new Error('send JSON with "Content-Type: application/json"'), { statusCode: 415, code: 'EUSAGE' })),
  );
  api.addHook('onResponse', async (request, { statusCode, elapsedTime }) => {
    const { method, access, ip } = request;
    request.log.info(
      { method, path: pathOnly(request), status: statusCode, token: access?.name, client: ip, ms: Math.round(elapsedTime * 10) / 10 },
      'request',
    );
  });
  const metrics = apiMetrics(api);
  authorize(api, tokens);
  openRoutes(api, { stores, version, metrics });
  traceRoute(api, stores);
  objectRoutes(api, stores, new Watches({ store: stores.store, signal, onCount: (count) => metrics.watches.set(count) }));
  return api;
}

function openRoutes(api: FastifyInstance, { stores, version, metrics }: { stores: Stores; version: string; metrics: ApiMetrics }): void {
  const open = { config: { needs: 'open' as const } };
  const document = openApiDocument(version);
  api.get('/openapi.json', open, async () => document);
  api.get('/healthz', open, async () => 'ok\n');
  api.get('/readyz', open, async () => {
    await stores.store.get('/weir/v1/ready');
    return 'ok\n';
  });
  api.get('/metrics', { config: { scope: 'any' } }, async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error) ?? internal(error, request);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="weir"');
  if (problem.status === 503) reply.header('retry-after', '2');
  reply.code(problem.status).type('application/problem+json').send(problem);
}

function internal(error: unknown, request: FastifyRequest): Problem {
  request.log.error({ err: error }, 'a request failed');
  return {
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    detail: 'something went wrong within Weir; its log says what',
    code: 'EINTERNAL',
  };
}

/** Without its query: what stands there is the client's. */
function pathOnly({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]!;
}

/** Whether only processes of this machine reach it. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
