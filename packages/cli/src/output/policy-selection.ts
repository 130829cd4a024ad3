/** Which endpoints policies are for, and in which order they are asked: as the agents decide it. */
import {
  BUILT_IN_TIERS,
  type Endpoint,
  type GlobalPolicy,
  type HostEndpoint,
  matches,
  type Namespace,
  namespaceLabels,
  type Policy,
  parseSelector,
  type Tier,
  tierOf,
} from '@weir/resources';

/** A Policy takes endpoints of its own namespace, a GlobalPolicy those of the namespaces that it selects. */
export function selects(policy: Policy | GlobalPolicy, endpoint: Endpoint, namespaces: readonly Namespace[]): boolean {
  const namespace = endpoint.metadata.namespace!;
  const object = namespaces.find(({ metadata }) => metadata.name === namespace);
  if (policy.kind === 'Policy') {
    if (policy.metadata.namespace !== namespace) return false;
  } else if (policy.spec.namespaceSelector !== undefined) {
    if (!matches(parseSelector(policy.spec.namespaceSelector), namespaceLabels(namespace, object))) return false;
  }
  return matches(parseSelector(policy.spec.selector), { ...object?.spec.labelsToApply, ...endpoint.metadata.labels });
}

/** Endpoints of one namespace that no selector tells apart. */
interface EndpointKind {
  one: Endpoint;
  count: number;
}

/** By namespace. A cluster has many endpoints and few kinds of them. */
export type EndpointKinds = ReadonlyMap<string, { namespace: readonly Namespace[]; kinds: readonly EndpointKind[] }>;

export function endpointKinds(endpoints: readonly Endpoint[], namespaces: readonly Namespace[]): EndpointKinds {
  const labelsText = ({ metadata }: Endpoint) => JSON.stringify(Object.entries(metadata.labels).sort());
  const byNamespace = Map.groupBy(endpoints, ({ metadata }) => metadata.namespace!);
  return new Map(
    [...byNamespace].map(([name, own]) => {
      const kinds = [...Map.groupBy(own, labelsText).values()].map((same) => ({ one: same[0]!, count: same.length }));
      return [name, { namespace: namespaces.filter(({ metadata }) => metadata.name === name), kinds }];
    }),
  );
}

export function countSelected(policy: Policy | GlobalPolicy, kinds: EndpointKinds): number {
  const where = policy.kind === 'Policy' ? [kinds.get(policy.metadata.namespace!)] : [...kinds.values()];
  const counts = where.flatMap((found) =>
    (found?.kinds ?? []).filter(({ one }) => selects(policy, one, found!.namespace)).map(({ count }) => count),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Host endpoints are in no namespace. */
export function selectsHost(policy: Policy | GlobalPolicy, { metadata }: HostEndpoint): boolean {
  const isForHosts = policy.kind === 'GlobalPolicy' && policy.spec.namespaceSelector === undefined;
  return isForHosts && matches(parseSelector(policy.spec.selector), metadata.labels);
}

/** Tier by tier, within one by order, equal ones by kind, namespace and name; last, those of tiers that there are not. */
export function inOrderOfEvaluation<T extends Policy | GlobalPolicy>(policies: readonly T[], tiers: readonly Tier[]): T[] {
  const orders = new Map([...BUILT_IN_TIERS].map(([name, { order }]) => [name, order!]));
  for (const { metadata, spec } of tiers) if (!BUILT_IN_TIERS.has(metadata.name)) orders.set(metadata.name, spec.order ?? Number.MAX_VALUE);
  const key = (policy: T) => {
    const { kind, metadata, spec } = policy;
    const tier = tierOf(spec);
    const { namespace = '', name } = metadata;
    return [orders.get(tier) ?? Number.POSITIVE_INFINITY, tier, spec.order ?? Number.POSITIVE_INFINITY, kind, namespace, name];
  };
  const keyed = policies.map((policy) => ({ policy, key: key(policy) }));
  return keyed.sort((left, right) => compare(left.key, right.key)).map(({ policy }) => policy);
}

function compare(left: readonly (string | number)[], right: readonly (string | number)[]): number {
  const index = left.findIndex((part, at) => part !== right[at]);
  return index === -1 ? 0 : left[index]! < right[index]! ? -1 : 1;
}
