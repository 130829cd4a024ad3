/** Objects in one line each, where others name them. */
import { DEFAULT_TIER, type Endpoint, type GlobalPolicy, type HostEndpoint, type Policy, tierOf } from '@weir/resources';
import { formatOwnLabels } from '../output/columns.ts';

export function endpointLine({ metadata, spec }: Endpoint): string {
  return `${metadata.namespace}/${metadata.name} on ${spec.host}, ${spec.addresses.join(', ') || 'no address'} (${formatOwnLabels(metadata.labels)})`;
}

export function hostEndpointLine({ metadata, spec }: HostEndpoint): string {
  return `hostendpoint/${metadata.name}: ${spec.interfaceName} of ${spec.host} (${formatOwnLabels(metadata.labels)})`;
}

export function policyTitle({ kind, metadata, spec }: Policy | GlobalPolicy, { tier = true } = {}): string {
  const remarks = [...(tier && tierOf(spec) !== DEFAULT_TIER ? [`tier ${tierOf(spec)}`] : []), ...(spec.staged ? ['staged'] : [])];
  return `${kind.toLowerCase()}/${metadata.name}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`;
}
