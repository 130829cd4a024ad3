import {
  DEFAULT_TIER,
  type Direction,
  type GlobalPolicy,
  type Labels,
  matches,
  type ObjectId,
  type Policy,
  parseSelector,
  type Rule,
  type Tier,
  type TierSpec,
  tierOf,
} from '@weir/resources';
import type { Member } from '../membership/member.ts';
import type { MemberSet } from '../membership/member-set.ts';
import type { Membership } from '../membership/membership.ts';
import { addTo, deleteFrom, getOrCreate } from '../membership/multimap.ts';
import { EVERYWHERE, namespaceScope, namespacesScope, type Scope, scopeTakes } from '../membership/scope.ts';
import { ScopeIndex } from '../membership/scope-index.ts';
import { SelectorIndex } from '../membership/selector-index.ts';
import { appliesOnForward, type Reach, reachOfUnreadable } from './policy-reach.ts';
import { type PolicyName, type PolicyRule, policyRules, releaseRule, type ServiceLookup, serviceOf } from './policy-rule.ts';
import type { Closed, Tiers } from './program.ts';
import { TierIndex } from './tier-index.ts';
import { mightForbid, type UnreadableSet } from './unreadable-set.ts';

/** A policy as it is in force. */
export interface IndexedPolicy extends Reach {
  readonly name: PolicyName;
  readonly tier: string;
  readonly staged: boolean;
  /** At host endpoints it is for what passes through, too. */
  readonly applyOnForward: boolean;
  /** Absent orders come last. */
  readonly order: number;
  /** Absent for a direction that the policy is not for. */
  readonly rules: Readonly<Partial<Record<Direction, readonly PolicyRule[]>>>;
  /** Services, as `namespace/name`, by which it forbids something. */
  readonly forbiddenServices: Readonly<Partial<Record<Direction, ReadonlySet<string>>>>;
  /** It cannot be read. */
  readonly isInvalid: boolean;
  /** Endpoints of this host that it selects. */
  readonly endpoints: Set<Member>;
}

const DIRECTIONS: readonly Direction[] = ['Ingress', 'Egress'];
const NONE: ReadonlySet<IndexedPolicy> = new Set();

/** Which policies select which endpoints of this host, and in which tiers they are. */
export class PolicyIndex {
  readonly #membership: Membership;
  readonly #namespaceLabels: (namespace: string) => Labels;
  readonly #tiers = new TierIndex();
  readonly #policies = new Map<string, IndexedPolicy>();
  readonly #byTier = new Map<string, Set<IndexedPolicy>>();
  readonly #selectors = new SelectorIndex<IndexedPolicy>();
  readonly #scopes = new ScopeIndex<IndexedPolicy>();
  readonly #endpoints = new Map<Member, Set<IndexedPolicy>>();
  /** Policies that look an endpoint's own end up in a set. */
  readonly #localSets = new Map<MemberSet, Set<IndexedPolicy>>();
  readonly #services: ServiceLookup;
  /** By service, the policies whose rules name it. */
  readonly #byService = new Map<string, Map<string, Policy | GlobalPolicy>>();
  readonly #servicesOf = new Map<string, string[]>();
  readonly #unreadableSets = new Map<string, UnreadableSet>();
  /** Endpoints that cannot be read, by key; whether it is known what policies are for what passes through them. */
  readonly #unreadableEndpoints = new Map<string, { name: PolicyName; hasLabels: boolean }>();
  /** Keys by `namespace/name`. */
  readonly #unreadableServices = new Map<string, string>();
  #replaced: IndexedPolicy[] = [];

  constructor(membership: Membership, namespaceLabels: (namespace: string) => Labels, services: ServiceLookup) {
    this.#membership = membership;
    this.#namespaceLabels = namespaceLabels;
    this.#services = services;
  }

  /**
   * Puts, replaces or, with undefined, removes the policy of that key.
   *
   * @returns the endpoints that it selected or selects
   */
  put(key: string, object: Policy | GlobalPolicy | undefined): Set<Member> {
    this.#noteServices(key, object);
    return this.#replace(key, object && indexed(object, { membership: this.#membership, services: this.#services }));
  }

  /**
   * To be called when a service has changed, come or gone, for what rules that name it mean.
   *
   * @returns the endpoints of their policies
   */
  serviceChanged({ namespace, name }: { namespace: string; name: string }): Set<Member> {
    const affected = new Set<Member>();
    for (const [key, object] of [...(this.#byService.get(`${namespace}/${name}`) ?? [])]) {
      for (const endpoint of this.put(key, object)) affected.add(endpoint);
    }
    return affected;
  }

  #noteServices(key: string, object: Policy | GlobalPolicy | undefined): void {
    for (const service of this.#servicesOf.get(key) ?? []) {
      const policies = this.#byService.get(service)!;
      policies.delete(key);
      if (policies.size === 0) this.#byService.delete(service);
    }
    const named = object === undefined ? [] : servicesIn(object);
    for (const service of named) getOrCreate(this.#byService, service, () => new Map()).set(key, object!);
    if (named.length > 0) this.#servicesOf.set(key, named);
    else this.#servicesOf.delete(key);
  }

  /** As {@link put}, for an object that cannot be read: the endpoints that it is for are closed. */
  putInvalid(key: string, id: ObjectId, value: unknown): Set<Member> {
    const { kind, namespace, name } = id;
    if (kind !== 'Policy' && kind !== 'GlobalPolicy' && kind !== 'Namespace') return new Set();
    this.#noteServices(key, undefined);
    return this.#replace(key, {
      ...reachOfUnreadable(id, value),
      name: { kind, ...(namespace !== undefined && { namespace }), name },
      tier: DEFAULT_TIER,
      staged: false,
      applyOnForward: appliesOnForward(value),
      order: 0,
      rules: { Ingress: [], Egress: [] },
      forbiddenServices: {},
      isInvalid: true,
      endpoints: new Set(),
    });
  }

  /** @returns the endpoints that policies of the tier select */
  putTier(name: string, object: Tier | undefined): Set<Member> {
    this.#tiers.put(name, object);
    return new Set([...(this.#byTier.get(name) ?? NONE)].flatMap(({ endpoints }) => [...endpoints]));
  }

  /**
   * To be called when a namespace's labels have changed.
   *
   * @param before its labels before
   * @returns its endpoints that other policies select now; all there are while a network set cannot be read that may be of it
   */
  namespaceChanged(namespace: string, before: Labels): Set<Member> {
    const affected = new Set<Member>(this.#unreadableSets.size === 0 ? [] : this.#endpoints.keys());
    const { gone, come } = this.#scopes.changed(before, this.#namespaceLabels(namespace));
    for (const policy of gone) {
      for (const endpoint of policy.endpoints) {
        if (endpoint.namespace !== namespace) continue;
        policy.endpoints.delete(endpoint);
        this.#endpoints.get(endpoint)!.delete(policy);
        affected.add(endpoint);
      }
    }
    for (const policy of come) {
      for (const [endpoint, policies] of this.#endpoints) {
        if (endpoint.namespace !== namespace || !this.#selects(policy, endpoint)) continue;
        policies.add(policy);
        policy.endpoints.add(endpoint);
        affected.add(endpoint);
      }
    }
    return affected;
  }

  /**
   * Takes note of a network set that cannot be read or, with undefined, of one that can be, or is gone.
   *
   * @returns endpoints whose policies may forbid by it: all, since it is seldom
   */
  putUnreadableSet(key: string, set: UnreadableSet | undefined): Iterable<Member> {
    if (set === undefined && !this.#unreadableSets.has(key)) return [];
    if (set === undefined) this.#unreadableSets.delete(key);
    else this.#unreadableSets.set(key, set);
    return this.#endpoints.keys();
  }

  /** Takes note of an endpoint of a host that cannot be read or, with undefined, of one that can be, or is gone. To be called before it is added. */
  putUnreadableEndpoint(key: string, endpoint: { name: PolicyName; hasLabels: boolean } | undefined): void {
    if (endpoint === undefined) this.#unreadableEndpoints.delete(key);
    else this.#unreadableEndpoints.set(key, endpoint);
  }

  /**
   * Takes note of a service that cannot be read, or of one that can be, or is gone.
   *
   * @returns the endpoints of policies that name it
   */
  putUnreadableService(key: string, { namespace, name }: ObjectId, isUnreadable: boolean): Set<Member> {
    const service = `${namespace}/${name}`;
    if (isUnreadable === this.#unreadableServices.has(service)) return new Set();
    if (isUnreadable) this.#unreadableServices.set(service, key);
    else this.#unreadableServices.delete(service);
    const policies = [...(this.#byService.get(service)?.keys() ?? [])];
    return new Set(policies.flatMap((policy) => [...(this.#policies.get(policy)?.endpoints ?? [])]));
  }

  /** Whether a policy forbids by something that nobody can read, so that it cannot be in force. */
  isBlind(policy: IndexedPolicy, direction: Direction): boolean {
    return this.#servicesFor(policy, direction).length > 0 || this.#setsFor(policy, direction).length > 0;
  }

  /** Keys of the network sets and services that nobody can read and that a policy forbids by; none for a policy that there is not. */
  unreadableFor(key: string): Set<string> {
    const policy = this.#policies.get(key);
    return new Set(
      policy && DIRECTIONS.flatMap((direction) => [...this.#setsFor(policy, direction), ...this.#servicesFor(policy, direction)]),
    );
  }

  #servicesFor({ forbiddenServices }: IndexedPolicy, direction: Direction): string[] {
    if (this.#unreadableServices.size === 0) return [];
    return [...(forbiddenServices[direction] ?? [])].flatMap((service) => this.#unreadableServices.get(service) ?? []);
  }

  #setsFor({ rules }: IndexedPolicy, direction: Direction): string[] {
    return [...this.#unreadableSets].flatMap(([key, set]) =>
      (rules[direction] ?? []).some((rule) => mightForbid(rule, set, this.#namespaceLabels)) ? [key] : [],
    );
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

  /**
   * The tiers that apply to an endpoint in a direction, in order, with their policies in order.
   *
   * @param options.staged as if staged policies were enforced
   * @param options.forwarded only those that are for what passes through a host
   */
  tiersFor(endpoint: Member, direction: Direction, options: { staged: boolean; forwarded?: boolean }): Tiers | Closed {
    const policies = this.policiesOf(endpoint, direction).filter(
      ({ staged, applyOnForward }) => (options.staged || !staged) && (!options.forwarded || applyOnForward),
    );
    const unreadable = this.#unreadableEndpoints.get(endpoint.key);
    if (unreadable !== undefined && (!options.forwarded || (!unreadable.hasLabels && this.#isForwardPoliced(direction))))
      return { policy: unreadable.name, reason: 'invalid' };
    const invalid = policies.find(({ isInvalid }) => isInvalid);
    if (invalid !== undefined) return { policy: invalid.name, reason: 'invalid' };
    const astray = policies.find(({ tier }) => this.#tiers.get(tier) === undefined);
    if (astray !== undefined) return { policy: astray.name, tier: astray.tier, reason: 'unknown tier' };
    const blind = policies.find((policy) => this.isBlind(policy, direction));
    if (blind !== undefined) {
      const reason = this.#servicesFor(blind, direction).length > 0 ? 'unreadable service' : 'unreadable network set';
      return { policy: blind.name, tier: blind.tier, reason };
    }
    const names = this.inOrder(new Set(policies.map(({ tier }) => tier)));
    return names.map((name) => ({
      name,
      defaultAction: this.#tiers.get(name)!.defaultAction,
      policies: policies.filter(({ tier }) => tier === name).map(({ rules }) => rules[direction]!),
    }));
  }

  /** The policies that select an endpoint in a direction, by their own order, staged ones among them. */
  policiesOf(endpoint: Member, direction: Direction): IndexedPolicy[] {
    return [...(this.#endpoints.get(endpoint) ?? NONE)].filter((policy) => policy.rules[direction] !== undefined).sort(inOrder);
  }

  /** Undefined for a tier that there is not. */
  tier(name: string): TierSpec | undefined {
    return this.#tiers.get(name);
  }

  /** Names of tiers in their order; behind them, those that there are not. */
  inOrder(tiers: Iterable<string>): string[] {
    return [...tiers].sort((left, right) => this.#tiers.compare(left, right));
  }

  /** Whether staged policies select the endpoint in a direction. */
  hasStaged(endpoint: Member, direction: Direction): boolean {
    for (const { staged, rules } of this.#endpoints.get(endpoint) ?? NONE) if (staged && rules[direction] !== undefined) return true;
    return false;
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

  #replace(key: string, policy: IndexedPolicy | undefined): Set<Member> {
    const affected = new Set<Member>();
    const old = this.#policies.get(key);
    if (old !== undefined) {
      this.#policies.delete(key);
      this.#selectors.delete(old);
      this.#scopes.delete(old);
      deleteFrom(this.#byTier, old.tier, old);
      this.#replaced.push(old);
      for (const set of localSets(old)) deleteFrom(this.#localSets, set, old);
      for (const endpoint of old.endpoints) {
        this.#endpoints.get(endpoint)?.delete(old);
        affected.add(endpoint);
      }
    }
    if (old?.applyOnForward || policy?.applyOnForward) for (const endpoint of this.#withoutLabels()) affected.add(endpoint);
    if (policy === undefined) return affected;
    this.#policies.set(key, policy);
    this.#selectors.add(policy);
    this.#scopes.add(policy);
    addTo(this.#byTier, policy.tier, policy);
    for (const set of localSets(policy)) addTo(this.#localSets, set, policy);
    for (const [endpoint, policies] of this.#endpoints) {
      if (!this.#selects(policy, endpoint)) continue;
      policies.add(policy);
      policy.endpoints.add(endpoint);
      affected.add(endpoint);
    }
    return affected;
  }

  /** Those of which nobody knows what policies are for them. */
  *#withoutLabels(): Generator<Member> {
    if (this.#unreadableEndpoints.size === 0) return;
    for (const endpoint of this.#endpoints.keys()) if (this.#unreadableEndpoints.get(endpoint.key)?.hasLabels === false) yield endpoint;
  }

  /** Whether there are policies for what passes through hosts. */
  #isForwardPoliced(direction: Direction): boolean {
    return this.#policies.values().some(({ applyOnForward, staged, rules }) => applyOnForward && !staged && rules[direction] !== undefined);
  }

  #selects({ selector, scope }: Reach, endpoint: Member): boolean {
    return matches(selector, endpoint.labels) && scopeTakes(scope, endpoint.namespace, this.#namespaceLabels);
  }
}

function policyName({ kind, metadata: { name, namespace } }: Policy | GlobalPolicy): PolicyName {
  return kind === 'Policy' ? { kind, namespace: namespace!, name } : { kind, name };
}

/** Those that its rules name, as `namespace/name`. */
function servicesIn(object: Policy | GlobalPolicy): string[] {
  return [...new Set(DIRECTIONS.flatMap((direction) => servicesOf(object, direction, () => true)))];
}

function servicesOf(object: Policy | GlobalPolicy, direction: Direction, isAsked: (rule: Rule) => boolean): string[] {
  const policy = policyName(object);
  const rules = direction === 'Ingress' ? object.spec.ingress : object.spec.egress;
  return rules.filter(isAsked).flatMap((rule) => {
    const named = serviceOf(rule, { policy, direction });
    return named === undefined ? [] : [`${named.namespace}/${named.name}`];
  });
}

const keepsOut = ({ action }: Rule) => action === 'Deny' || action === 'Pass';

function indexed(object: Policy | GlobalPolicy, from: { membership: Membership; services: ServiceLookup }): IndexedPolicy {
  const { kind, metadata, spec } = object;
  const { namespace } = metadata;
  const policy = policyName(object);
  const scope = (): Scope => {
    if (kind === 'Policy') return namespaceScope(namespace!);
    return spec.namespaceSelector === undefined ? EVERYWHERE : namespacesScope(spec.namespaceSelector);
  };
  const rules: Partial<Record<Direction, readonly PolicyRule[]>> = {};
  const forbiddenServices: Partial<Record<Direction, ReadonlySet<string>>> = {};
  for (const direction of spec.types) {
    forbiddenServices[direction] = new Set(servicesOf(object, direction, keepsOut));
    const list = direction === 'Ingress' ? spec.ingress : spec.egress;
    rules[direction] = list.flatMap((rule, index) => policyRules(rule, { policy, direction, index }, from));
  }
  const { staged = false, order = Number.POSITIVE_INFINITY } = spec;
  const applyOnForward = kind === 'GlobalPolicy' && spec.applyOnForward === true;
  const reach = { selector: parseSelector(spec.selector), scope: scope() };
  const place = { name: policy, tier: tierOf(spec), staged, applyOnForward, order };
  return { ...place, ...reach, rules, forbiddenServices, isInvalid: false, endpoints: new Set() };
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
