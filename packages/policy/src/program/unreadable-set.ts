import { type Labels, matches, type ObjectId, type Selector } from '@weir/resources';
import type { SelectorSet } from '../membership/membership.ts';
import { type Scope, scopeTakes } from '../membership/scope.ts';
import type { PolicyRule } from './policy-rule.ts';

/** A network set that is there and cannot be read: what it holds is not known. Or any of a namespace whose labels are not known. */
export interface UnreadableSet {
  /** Of a GlobalNetworkSet, absent. */
  readonly namespace?: string;
  /** True: it may be of any namespace for who asks by their labels, and can be read for all others. */
  readonly isOfUnknownNamespace?: true;
  /** Absent: not even these can be read, so that every selector may mean it. */
  readonly labels?: Labels;
}

/** @param value what the store has, parsed as JSON as far as it is JSON */
export function unreadableSet({ namespace }: ObjectId, value: unknown): UnreadableSet {
  const labels = readableLabels(value);
  return { ...(namespace !== undefined && { namespace }), ...(labels && { labels }) };
}

/** Labels of an object that cannot be read as a whole; undefined where these cannot either. */
export function readableLabels(value: unknown): Labels | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { labels = {} } = ((value as { metadata?: unknown }).metadata ?? {}) as { labels?: unknown };
  const isReadable = typeof labels === 'object' && labels !== null && Object.values(labels).every((text) => typeof text === 'string');
  return isReadable ? (labels as Labels) : undefined;
}

/** Whether something that the rule would keep out might get in while nobody knows what the set holds. */
export function mightForbid(rule: PolicyRule, set: UnreadableSet, labelsOf: (namespace: string) => Labels): boolean {
  const mayMean = ({ selector, scope }: SelectorSet) => (set.isOfUnknownNamespace ? scope.kind === 'namespaces' : isMeant(selector, scope));
  const isMeant = (selector: Selector, scope: Scope) =>
    !(scope.kind === 'namespace' && scope.endpointsOnly) &&
    scopeTakes(scope, set.namespace, labelsOf) &&
    (set.labels === undefined || matches(selector, set.labels));
  const { action, peer, local } = rule;
  const sides = [peer, local];
  const keepsOut = action === 'Deny' || action === 'Pass';
  if (keepsOut && sides.some(({ within }) => within.length > 0 && within.every(mayMean))) return true;
  return (action === 'Allow' || action === 'Pass') && sides.some(({ without }) => without.some(mayMean));
}
