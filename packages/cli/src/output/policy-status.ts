/** What of a policy is in force. */
import type { InvalidObject } from '@weir/datastore';
import { type GlobalPolicy, type Kind, type Metadata, type Policy, parseKey, tierOf, ValidationError } from '@weir/resources';

/** Stands in a table for an object that cannot be read. */
export interface InvalidRow {
  kind: Kind;
  metadata: Metadata;
  /** Why. */
  invalid: string;
}

/** @param tiers names of those that there are */
export function policyStatus({ spec }: Policy | GlobalPolicy, tiers: ReadonlySet<string>): string {
  if (spec.staged) return 'staged';
  const tier = tierOf(spec);
  return tiers.has(tier) ? 'in force' : `closes its endpoints: there is no tier ${tier}`;
}

/** Undefined for a key that is none of ours. */
export function invalidRow({ key, error }: InvalidObject): InvalidRow | undefined {
  const id = parseKey(key);
  if (id === undefined) return undefined;
  const { kind, ...names } = id;
  const [issue] = error instanceof ValidationError ? error.issues : [];
  const [reason = ''] = (issue === undefined ? error.message : `${issue.path}: ${issue.message}`).split('\n');
  return { kind, metadata: { ...names, labels: {}, annotations: {} }, invalid: `closes its endpoints: not valid: ${reason}` };
}
