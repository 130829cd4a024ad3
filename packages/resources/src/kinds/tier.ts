import { z } from 'zod';
import { field, oneOf } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { parseOrder } from './policy.ts';
import { DEFAULT_TIER } from './tier-name.ts';

/**
 * A group of policies that is asked as a whole, before or after other groups.
 *
 * A tier counts for an endpoint and direction if it has a policy that selects the endpoint in that direction. A flow that none of those
 * policies decides meets the tier's `defaultAction`.
 */
export interface TierSpec {
  /** Lower is asked first; tiers without come last, equal ones by name. */
  order?: number;
  /** `Pass` goes on with the next tier. Default `Deny`. */
  defaultAction: 'Deny' | 'Pass';
}

export const tierSpecSchema: z.ZodType<TierSpec> = z
  .strictObject({ order: field(parseOrder, { type: 'number' }).optional(), defaultAction: oneOf('Deny', 'Pass').prefault('Deny') })
  .prefault({});

/** Tiers that need no object: those of all other policies, and of Kubernetes' policies of the cluster's administrators. Their specs are fixed. */
export const BUILT_IN_TIERS: ReadonlyMap<string, TierSpec> = new Map([
  ['kube-admin', { order: 1_000, defaultAction: 'Pass' }],
  [DEFAULT_TIER, { order: 1_000_000, defaultAction: 'Deny' }],
  ['kube-baseline', { order: 10_000_000, defaultAction: 'Pass' }],
]);

/**
 * Refuses an object for a tier that is built in: what stands in `BUILT_IN_TIERS` holds, whatever the store has.
 *
 * @throws ValidationError
 */
export function checkTier({ metadata: { name } }: { metadata: { name: string } }): void {
  if (!BUILT_IN_TIERS.has(name)) return;
  const { order, defaultAction } = BUILT_IN_TIERS.get(name)!;
  const fixed = `order ${order}, defaultAction ${defaultAction}`;
  const { issues } = ValidationError.of(name, `is a built-in tier (${fixed})`, 'choose another name for a tier of your own');
  throw new ValidationError(issues.map((issue) => ({ ...issue, path: 'metadata.name' })));
}
