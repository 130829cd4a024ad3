/** /healthz: the process answers. /readyz: policy and routes of this host are in step. /metrics: Prometheus' text format. */
import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { AgentError } from './agent-error.ts';

export interface Readiness {
  ready: boolean;
  /** Why not, or what is degraded, for a person. */
  reasons: string[];
}

/** @throws AgentError ECONFIG when the address or port cannot be had */
export async function serveHealth(options: { listen: string; readiness: () => Readiness; metrics: Registry }): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/healthz') return response.end('ok\n');
    if (path === '/metrics') {
      response.setHeader('content-type', options.metrics.contentType);
      return response.end(await options.metrics.metrics());
    }
    if (path === '/readyz') {
      const { ready, reasons } = options.readiness();
      response.statusCode = ready ? 200 : 503;
      response.setHeader('content-type', 'application/json');
      return response.end(`${JSON.stringify({ ready, reasons })}\n`);
    }
    response.statusCode = 404;
    return response.end('not found; there are /healthz, /readyz and /metrics\n');
  });
  const { hostname, port } = new URL(`http://${options.listen}`);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        { EADDRINUSE: 'another process has it', EADDRNOTAVAIL: 'it is no address of this host' }[cause.code ?? ''] ?? cause.message;
      const advice = 'end that process, or give another address and port in "http" of the agent\'s configuration';
      reject(new AgentError('ECONFIG', `http: cannot listen on ${options.listen}: ${why}\n${advice}`, { cause }));
    });
    server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ''), resolve);
  });
  return server;
}
