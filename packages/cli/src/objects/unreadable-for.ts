import { type AnyObject, type GlobalPolicy, type ObjectId, type Policy, parseKey } from '@weir/resources';
import type { Stores } from './stores.ts';

/** The network sets and services that cannot be read and that a policy forbids by: agents close its endpoints until they can be. */
export async function readUnreadable({ objects }: Stores): Promise<(policy: Policy | GlobalPolicy) => readonly ObjectId[]> {
  const lists = await Promise.all([objects.list('NetworkSet'), objects.list('GlobalNetworkSet'), objects.list('Service')]);
  const invalid = lists.flatMap((list) => list.invalid);
  if (invalid.length === 0) return () => [];
  const { PolicyCalculator } = await import('@weir/policy');
  // Without endpoints: what rules say of a set depends on none.
  const calculator = new PolicyCalculator();
  for (const kind of ['Namespace', 'Policy', 'GlobalPolicy'] as const) {
    for (const { object } of (await objects.list(kind)).objects) calculator.upsert(object as AnyObject);
  }
  for (const { key, value } of invalid) calculator.upsertInvalid(parseKey(key)!, value);
  return (policy) => calculator.unreadableFor(policy);
}
