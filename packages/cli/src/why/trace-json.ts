/** A trace, for programs. */
import type { FlowEnd } from './flow-end.ts';
import type { Trace } from './trace.ts';
import type { Trouble } from './troubles.ts';

export function traceJson({ verdict, from, to, flow, explanation, way, advice, pairs }: Trace, troubles: readonly Trouble[]): object {
  const { because, steps, privatePool } = explanation;
  const ends = { from: endJson(from), to: endJson(to) };
  return { verdict, ...ends, flow, because, ...(privatePool && { privatePool }), steps, way, troubles, advice, pairs };
}

function endJson({ address, endpoint, remote, host }: FlowEnd): object {
  if (remote !== undefined) {
    const { metadata, spec } = remote;
    return { address, cluster: spec.cluster, namespace: metadata.namespace, name: metadata.name, labels: metadata.labels, host: spec.host };
  }
  if (endpoint === undefined) return { address, ...(host !== undefined && { host }) };
  const { namespace, name, labels } = endpoint.metadata;
  return { address, namespace, name, labels, host: endpoint.spec.host };
}
