import { z } from 'zod';
import { oneOf } from '../field.ts';
import type { Labels } from '../metadata.ts';

/** A namespace's labels, for namespace selectors, and what holds in it without policy. A namespace needs no object: absent, it has the defaults. */
export interface NamespaceSpec {
  /** What endpoints may do in a direction in which no policy selects them. Default `Allow`. */
  defaultAction: 'Allow' | 'Deny';
}

export const namespaceSpecSchema: z.ZodType<NamespaceSpec> = z
  .strictObject({ defaultAction: oneOf('Allow', 'Deny').prefault('Allow') })
  .prefault({});

/** Label that every namespace carries, object or not, with its name as value: Kubernetes' name for it. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Labels that namespace selectors see: those of the Namespace object, if there is one, and the implied one, which no object can change. */
export function namespaceLabels(name: string, object?: { metadata: { labels: Labels } }): Labels {
  return { ...object?.metadata.labels, [NAMESPACE_NAME_LABEL]: name };
}
