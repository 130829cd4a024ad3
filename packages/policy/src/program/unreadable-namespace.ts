import type { Namespace } from '@weir/resources';
import { readableLabels, type UnreadableSet } from './unreadable-set.ts';

/**
 * What peers know a namespace by that cannot be read; its own endpoints are closed. Without its labels its network sets would be in no rule that
 * asks by these, also in none that forbids.
 *
 * @param value what the store has, parsed as JSON as far as it is JSON
 */
export function labelledNamespace(name: string, value: unknown): Namespace | undefined {
  const labels = readableLabels(value);
  return (
    labels && { apiVersion: 'weir/v1', kind: 'Namespace', metadata: { name, labels, annotations: {} }, spec: { defaultAction: 'Allow' } }
  );
}

/** Undefined where its labels can be read. */
export function setsOfUnreadableNamespace(name: string, value: unknown): UnreadableSet | undefined {
  return readableLabels(value) === undefined ? { namespace: name, isOfUnknownNamespace: true } : undefined;
}
