import type { Metadata } from '../metadata.ts';
import { SOURCE_ANNOTATION } from './network-policy.ts';

/** Fields of metadata that the API server sets, as `kubectl get -o yaml` prints them: they say nothing here. */
const SERVER_FIELDS = new Set([
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
]);
for (const name of ['managedFields', 'ownerReferences', 'resourceVersion', 'selfLink', 'uid']) SERVER_FIELDS.add(name);

export function withoutServerFields(value: unknown): unknown {
  const { metadata } = value as { metadata?: unknown };
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return value;
  return { ...(value as object), metadata: Object.fromEntries(Object.entries(metadata).filter(([name]) => !SERVER_FIELDS.has(name))) };
}

/**
 * Notes in the annotations what the object was, `<apiVersion> <kind>`, and leaves out what kubectl keeps there for itself. An annotation that is there already stays: the object came from Kubernetes before, and went back.
 */
export function withSource(metadata: Metadata, source: string): Metadata {
  const annotations: Record<string, string> = { [SOURCE_ANNOTATION]: source, ...metadata.annotations };
  delete annotations['kubectl.kubernetes.io/last-applied-configuration'];
  return { ...metadata, annotations: Object.fromEntries(Object.entries(annotations).sort(([left], [right]) => (left < right ? -1 : 1))) };
}
