/** What of a policy is in force. */
import type { InvalidObject } from '@weir/datastore';
import {
  type GlobalPolicy,
  type Kind,
  type Metadata,
  type ObjectId,
  type Policy,
  parseKey,
  tierOf,
  ValidationError,
} from '@weir/resources';
import { referenceText } from '../objects/references.ts';

/** Stands in a table for an object that cannot be read. */
export interface InvalidRow {
  kind: Kind;
  metadata: Metadata;
  /** Why. */
  invalid: string;
}

export interface StatusContext {
  /** Names of those that there are. */
  tiers: ReadonlySet<string>;
  /** Network sets and services that cannot be read and that a policy forbids by. */
  unreadableFor: (policy: Policy | GlobalPolicy) => readonly ObjectId[];
}

export function policyStatus(policy: Policy | GlobalPolicy, { tiers, unreadableFor }: StatusContext): string {
  if (policy.spec.staged) return 'staged';
  const tier = tierOf(policy.spec);
  if (!tiers.has(tier)) return `closes its endpoints: there is no tier ${tier}`;
  const sets = unreadableFor(policy);
  if (sets.length === 0) return 'in force';
  return `closes its endpoints: it forbids by ${sets.map(setText).join(' and ')}, not valid`;
}

function setText({ kind, namespace, name }: ObjectId): string {
  return `${referenceText(kind, name)}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
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
