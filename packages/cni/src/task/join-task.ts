import { type Endpoint, parseNamespaceName, parseObject, ValidationError, WARNINGS_ANNOTATION, weirLabel } from '@weir/resources';
import { containerPorts, type Task } from './task.ts';
import { appLabels } from './task-identity.ts';

/**
 * Pure: the endpoint of a container whose task became known after its ADD. What it has already stays, since the network's labels win over
 * the app's, and an operator may have changed them since.
 */
export function joinTask(endpoint: Endpoint, task: Task): Endpoint {
  const { waitsForLabels: _, mesos, ...spec } = endpoint.spec;
  const app = appLabels(task);
  const late = task.labels.map(({ key }) => weirLabel(key)).filter((key) => key !== undefined && ADDRESS_LABELS.has(key));
  const warnings = [
    ...task.warnings,
    ...app.refused,
    ...late.map((key) => `${key}: came too late, the container has ${spec.addresses.join(', ')}; restart the task`),
  ];
  const namespace = mesos?.namespaceGiven ? undefined : (namespaceOf(task) ?? task.namespace);
  return parseObject({
    ...endpoint,
    metadata: {
      ...endpoint.metadata,
      ...(namespace !== undefined && { namespace }),
      labels: { ...app.labels, ...endpoint.metadata.labels, ...task.identity },
      annotations: { ...endpoint.metadata.annotations, ...(warnings.length > 0 && { [WARNINGS_ANNOTATION]: warnings.join('\n') }) },
    },
    spec: {
      ...spec,
      ports: spec.ports.length > 0 ? spec.ports : containerPorts(task.ports, spec.hostPorts),
      mesos: { ...mesos, ...task.facts },
    },
  }) as Endpoint;
}

/** What an address is given by, so that it can only be followed before there is one. */
const ADDRESS_LABELS = new Set<string>(['weir/ip', 'weir/pool', 'weir/claim', 'weir/sticky-ip']);

function namespaceOf({ labels }: Task): string | undefined {
  const value = labels.find(({ key }) => weirLabel(key) === 'weir/namespace')?.value;
  try {
    return value === undefined ? undefined : parseNamespaceName(value);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return undefined;
  }
}
