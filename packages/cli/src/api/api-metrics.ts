/** What the API counts and times; names follow Prometheus' conventions. */
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface ApiMetrics {
  registry: Registry;
  watches: Gauge;
}

export function apiMetrics(api: FastifyInstance): ApiMetrics {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['method', 'route', 'status'] as const;
  const requests = new Counter({ name: 'weir_api_requests_total', help: 'Requests that were answered', labelNames, registers });
  const seconds = new Histogram({
    name: 'weir_api_request_seconds',
    help: 'Time from a request to its answer',
    labelNames: ['method', 'route'] as const,
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  api.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    // Paths that are not there are anybody's to make up.
    const route = routeOptions.url ?? 'none';
    requests.inc({ method, route, status: statusCode });
    seconds.observe({ method, route }, elapsedTime / 1000);
  });
  return { registry, watches: new Gauge({ name: 'weir_api_watches', help: 'Clients that watch', registers }) };
}
