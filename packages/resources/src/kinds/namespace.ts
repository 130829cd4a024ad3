import { z } from 'zod';
import { type Labels, parseLabelKey, parseLabelValue } from '../metadata.ts';
import { entries, oneOf } from '../validation/field.ts';

/** `SameNamespace`: what comes from, or goes to, endpoints and network sets of the same namespace is allowed, all else is denied. */
export type NamespaceDefault = 'Allow' | 'Deny' | 'SameNamespace';

/**
 * A namespace's labels, for namespace selectors, what its endpoints inherit, and what holds in it where no policy decides. A namespace needs
 * no object: absent, it has the defaults.
 */
export interface NamespaceSpec {
  /** What endpoints may do in a direction in which no policy selects them, or where all tiers passed. Default `Allow`. */
  defaultAction: NamespaceDefault;
  /** The same for one direction, instead of `defaultAction`. */
  defaultIngress?: NamespaceDefault;
  defaultEgress?: NamespaceDefault;
  /** Labels that policy sees on each endpoint of the namespace; the endpoint's own go before them. */
  labelsToApply?: Labels;
}

const action = oneOf('Allow', 'Deny', 'SameNamespace');

export const namespaceSpecSchema: z.ZodType<NamespaceSpec> = z
  .strictObject({
    defaultAction: action.prefault('Allow'),
    defaultIngress: action.optional(),
    defaultEgress: action.optional(),
    labelsToApply: entries(parseLabelKey, parseLabelValue).optional(),
  })
  .prefault({});

/** Label that every namespace carries, object or not, with its name as value: Kubernetes' name for it. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Labels that namespace selectors see: those of the Namespace object, if there is one, and the implied one, which no object can change. */
export function namespaceLabels(name: string, object?: { metadata: { labels: Labels } }): Labels {
  return { ...object?.metadata.labels, [NAMESPACE_NAME_LABEL]: name };
}
