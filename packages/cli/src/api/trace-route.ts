/** Whether one may talk to another, and why: `weir trace` for programs. */
import { ValidationError } from '@weir/resources';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Stores } from '../objects/stores.ts';
import { readPolicyState } from '../why/policy-state.ts';
import { parseTraceRequest, trace } from '../why/trace.ts';
import { traceJson } from '../why/trace-json.ts';
import { troublesOnWay } from '../why/troubles.ts';
import { PREFIX } from './kind-path.ts';

export const traceSchema = z.strictObject({
  from: z.string().describe('an endpoint, labels (shop/run=web), a Marathon app (/shop/web), a host (host/node-7), an address, or outside'),
  to: z.string().describe('as from'),
  port: z.string().describe('tcp/80, udp/53, tcp/http by name, icmp, icmp/8/0, or a protocol number'),
  sourcePort: z.string().optional(),
  namespace: z.string().optional().describe('of the ends that name none; absent: all'),
});

/** All policies have a say, so it takes a token that may read all of them. */
export function traceRoute(api: FastifyInstance, stores: Stores): void {
  api.post(`${PREFIX}/trace`, async (request) => {
    const asked = traceSchema.safeParse(request.body);
    if (!asked.success) {
      throw new ValidationError(asked.error.issues.map(({ path, message }) => ({ path: path.join('.'), value: undefined, message })));
    }
    const { sourcePort, ...rest } = asked.data;
    const state = await readPolicyState(stores);
    const traced = trace(parseTraceRequest({ ...rest, 'source-port': sourcePort }), state);
    return traceJson(traced, await troublesOnWay(traced, state, stores.store));
  });
}
