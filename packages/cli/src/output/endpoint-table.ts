import { containerTitle, type Endpoint } from '@weir/resources';
import { formatOwnLabels } from './columns.ts';
import { type Column, renderTable } from './table.ts';

const COLUMNS: Column<Endpoint>[] = [
  { header: 'NAMESPACE', value: ({ metadata }) => metadata.namespace! },
  { header: 'LABELS', value: ({ metadata }) => formatOwnLabels(metadata.labels), shrinks: true },
  { header: 'HOST', value: ({ spec }) => spec.host },
  { header: 'ADDRESS', value: ({ spec }) => spec.addresses.join(',') },
  { header: 'NETWORK', value: ({ spec }) => spec.network },
  { header: 'CONTAINER', value: ({ spec }) => containerTitle(spec), shrinks: true },
];

/** Apps before hosts: instances of one app stand together, whatever host they run on. */
export function formatEndpoints(endpoints: readonly Endpoint[], width: number): string {
  const key = ({ metadata, spec }: Endpoint) =>
    [metadata.namespace, formatOwnLabels(metadata.labels), spec.host, spec.containerId].join('\n');
  const sorted = endpoints.map((endpoint) => ({ endpoint, key: key(endpoint) })).sort((left, right) => (left.key < right.key ? -1 : 1));
  return renderTable(
    COLUMNS,
    sorted.map(({ endpoint }) => endpoint),
    width,
  );
}
