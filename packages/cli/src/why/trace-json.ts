/** A trace, for programs. */
import type { FlowEnd } from './flow-end.ts';
import type { Trace } from './trace.ts';

export function traceJson({ verdict, from, to, flow, explanation, way, advice, pairs }: Trace): object {
  const { because, steps, privatePool } = explanation;
  return { verdict, from: endJson(from), to: endJson(to), flow, because, ...(privatePool && { privatePool }), steps, way, advice, pairs };
}

function endJson({ address, endpoint, host }: FlowEnd): object {
  if (endpoint === undefined) return { address, ...(host !== undefined && { host }) };
  const { namespace, name, labels } = endpoint.metadata;
  return { address, namespace, name, labels, host: endpoint.spec.host };
}
