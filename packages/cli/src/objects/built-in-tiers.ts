/** The tiers that are always there, as objects to look at. They are not in the store, and cannot be written. */
import { API_VERSION, BUILT_IN_TIERS, type Tier } from '@weir/resources';

export const builtInTiers: readonly Tier[] = [...BUILT_IN_TIERS].map(([name, spec]) => ({
  apiVersion: API_VERSION,
  kind: 'Tier',
  metadata: { name, labels: {}, annotations: { 'weir/built-in': 'yes' } },
  spec,
}));

/** Those of the store and those that are built in, in the order in which they are asked. */
export function withBuiltIn(tiers: readonly Tier[]): Tier[] {
  const order = ({ spec }: Tier) => spec.order ?? Number.MAX_VALUE;
  return [...tiers, ...builtInTiers].sort((left, right) => order(left) - order(right));
}
