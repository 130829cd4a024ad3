import { type Direction, type GlobalPolicy, type Labels, matches, type Policy, parseSelector, type Selector } from '@weir/resources';
import type { Member, MemberSet, Membership } from './membership.ts';
import { addTo, deleteFrom } from './multimap.ts';
import { type PolicyName, type PolicyRule, policyRule, releaseRule } from './policy-rule.ts';
import { EVERYWHERE, namespaceScope, namespacesScope, type Scope, scopeTakes } from './scope.ts';
import { SelectorIndex } from './selector-index.ts';

interface IndexedPolicy {
  readonly name: PolicyName;
  /** Absent orders come last. */
  readonly order: number;
  readonly selector: Selector;
  readonly scope: Scope;
  /** Absent for a direction that the policy is not for. */
  readonly rules: Readonly<Partial<Record<Direction, readonly PolicyRule[]>>>;
  /** Endpoints of this host that it selects. */
  readonly endpoints: Set<Member>;
}

const DIRECTIONS: readonly Direction[] = ['Ingress', 'Egress'];
const NONE: ReadonlySet<IndexedPolicy> = new Set();

/** Which policies select which endpoints of this host. */
export class PolicyIndex {
  readonly #membership: Membership;
  readonly #namespaceLabels: (namespace: string) => Labels;
  readonly #policies = new Map<string, IndexedPolicy>();
  readonly #selectors = new SelectorIndex<IndexedPolicy>();
  readonly #endpoints = new Map<Member, Set<IndexedPolicy>>();
  /** Policies that look an endpoint's own end up in a set. */
  readonly #localSets = new Map<MemberSet, Set<IndexedPolicy>>();
  #replaced: IndexedPolicy[] = [];

  constructor(membership: Membership, namespaceLabels: (namespace: string) => Labels) {
    this.#membership = membership;
    this.#namespaceLabels = namespaceLabels;
  }

  /**
   * Puts, replaces or, with undefined, removes the policy of that key.
   *
   * @returns the endpoints that it selected or selects
   */
  put(key: string, object: Policy | GlobalPolicy | undefined): Set<Member> {
    const affected = new Set<Member>();
    const old = this.#policies.get(key);
    if (old !== undefined) {
      this.#policies.delete(key);
      this.#selectors.delete(old);
      this.#replaced.push(old);
      for (const set of localSets(old)) deleteFrom(this.#localSets, set, old);
      for (const endpoint of old.endpoints) {
        this.#endpoints.get(endpoint)?.delete(old);
        affected.add(endpoint);
      }
    }
    if (object === undefined) return affected;
    const policy = indexed(object, this.#membership);
    this.#policies.set(key, policy);
    this.#selectors.add(policy);
    for (const set of localSets(policy)) addTo(this.#localSets, set, policy);
    for (const [endpoint, policies] of this.#endpoints) {
      if (!this.#selects(policy, endpoint)) continue;
      policies.add(policy);
      policy.endpoints.add(endpoint);
      affected.add(endpoint);
    }
    return affected;
  }

  addEndpoint(endpoint: Member): void {
    const policies = new Set<IndexedPolicy>();
    for (const policy of this.#selectors.candidates(endpoint.namespace, endpoint.labels)) {
      if (!this.#selects(policy, endpoint)) continue;
      policies.add(policy);
      policy.endpoints.add(endpoint);
    }
    this.#endpoints.set(endpoint, policies);
  }

  deleteEndpoint(endpoint: Member): void {
    for (const policy of this.#endpoints.get(endpoint) ?? NONE) policy.endpoints.delete(endpoint);
    this.#endpoints.delete(endpoint);
  }

  /** The rules of each policy that applies to an endpoint in a direction, in the order in which policies are asked. */
  rulesFor(endpoint: Member, direction: Direction): (readonly PolicyRule[])[] {
    return [...(this.#endpoints.get(endpoint) ?? NONE)]
      .filter(({ rules }) => rules[direction] !== undefined)
      .sort(inOrder)
      .map(({ rules }) => rules[direction]!);
  }

  /** Endpoints whose programs may change with the set, since a rule looks their own end up in it. */
  *endpointsThatLookIn(set: MemberSet): Generator<Member> {
    for (const { endpoints } of this.#localSets.get(set) ?? NONE) yield* endpoints;
  }

  /**
   * Gives back what replaced and removed policies held. To be called when no program of theirs is in use any more, and so apart from `put`:
   * a set that the next policy needs too is not emptied and filled again.
   */
  releaseReplaced(): void {
    for (const { rules } of this.#replaced) {
      for (const rule of DIRECTIONS.flatMap((direction) => rules[direction] ?? [])) releaseRule(rule, this.#membership);
    }
    this.#replaced = [];
  }

  #selects({ selector, scope }: IndexedPolicy, endpoint: Member): boolean {
    return matches(selector, endpoint.labels) && scopeTakes(scope, endpoint.namespace, this.#namespaceLabels);
  }
}

function indexed({ kind, metadata, spec }: Policy | GlobalPolicy, membership: Membership): IndexedPolicy {
  const { name, namespace } = metadata;
  const policy: PolicyName = kind === 'Policy' ? { kind, namespace: namespace!, name } : { kind, name };
  const scope = (): Scope => {
    if (kind === 'Policy') return namespaceScope(namespace!);
    return spec.namespaceSelector === undefined ? EVERYWHERE : namespacesScope(spec.namespaceSelector);
  };
  const rules: Partial<Record<Direction, readonly PolicyRule[]>> = {};
  for (const direction of spec.types) {
    const list = direction === 'Ingress' ? spec.ingress : spec.egress;
    rules[direction] = list.map((rule, index) => policyRule(rule, { policy, direction, index }, membership));
  }
  const order = spec.order ?? Number.POSITIVE_INFINITY;
  return { name: policy, order, selector: parseSelector(spec.selector), scope: scope(), rules, endpoints: new Set() };
}

function localSets({ rules }: IndexedPolicy): Set<MemberSet> {
  const all = DIRECTIONS.flatMap((direction) => rules[direction] ?? []);
  return new Set(all.flatMap(({ local }) => [...local.within, ...local.without]));
}

function inOrder(left: IndexedPolicy, right: IndexedPolicy): number {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1;
  const text = ({ name }: IndexedPolicy) => [name.kind, name.namespace ?? '', name.name];
  const [one, other] = [text(left), text(right)];
  const index = one.findIndex((part, at) => part !== other[at]);
  return index === -1 ? 0 : one[index]! < other[index]! ? -1 : 1;
}
