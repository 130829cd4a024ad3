import { type Endpoint, parseNamespaceName, parseObject, ValidationError, WARNINGS_ANNOTATION, weirLabel } from '@weir/resources';
import { containerPorts, type Task } from './task.ts';
import { appLabels } from './task-identity.ts';

/**
 * Pure: the endpoint of a container whose task became known after its ADD. What it has already stays, since the network's labels win over
 * the app's, and an operator may have changed them since.
 */
export function joinTask(endpoint: Endpoint, task: Task): Endpoint {
  const { mesos, ports, hostPorts } = endpoint.spec;
  const { metadata, spec } = joinLabels(endpoint, { ...task, ...(mesos?.namespaceGiven && { namespaceGiven: true }) });
  return parseObject({
    ...endpoint,
    metadata: { ...metadata, labels: { ...metadata.labels, ...task.identity } },
    spec: {
      ...spec,
      ports: ports.length > 0 ? ports : containerPorts(task.ports, hostPorts),
      mesos: { ...mesos, ...task.facts },
    },
  }) as Endpoint;
}

/** What is said of a container once it has its endpoint. */
export interface LateLabels extends Pick<Task, 'labels' | 'namespace' | 'warnings'> {
  /** The endpoint's namespace stays, whatever the labels say. */
  namespaceGiven?: true;
}

/** Pure: the endpoint with labels that became known late, and open to what policy allows. */
export function joinLabels(endpoint: Endpoint, { labels, namespace: usual, namespaceGiven, warnings: told }: LateLabels): Endpoint {
  const { waitsForLabels: _, ...spec } = endpoint.spec;
  const app = appLabels({ labels });
  const late = labels.map(({ key }) => weirLabel(key)).filter((key) => key !== undefined && ADDRESS_LABELS.has(key));
  const warnings = [
    ...told,
    ...app.refused,
    ...late.map((key) => `${key}: came too late, the container has ${spec.addresses.join(', ')}; restart the task`),
  ];
  const namespace = namespaceGiven ? undefined : (namespaceOf(labels) ?? usual);
  return parseObject({
    ...endpoint,
    metadata: {
      ...endpoint.metadata,
      ...(namespace !== undefined && { namespace }),
      labels: { ...app.labels, ...endpoint.metadata.labels },
      annotations: { ...endpoint.metadata.annotations, ...(warnings.length > 0 && { [WARNINGS_ANNOTATION]: warnings.join('\n') }) },
    },
    spec,
  }) as Endpoint;
}

/** What an address is given by, so that it can only be followed before there is one. */
const ADDRESS_LABELS = new Set<string>(['weir/ip', 'weir/pool', 'weir/claim', 'weir/sticky-ip']);

function namespaceOf(labels: Task['labels']): string | undefined {
  const value = labels.find(({ key }) => weirLabel(key) === 'weir/namespace')?.value;
  try {
    return value === undefined ? undefined : parseNamespaceName(value);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return undefined;
  }
}
