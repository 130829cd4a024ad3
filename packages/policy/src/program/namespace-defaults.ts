import { type Direction, type Endpoint, type Namespace, type NamespaceDefault, parseSelector } from '@weir/resources';
import type { Membership, SelectorSet } from '../membership/membership.ts';
import { namespaceScope } from '../membership/scope.ts';
import type { PolicyRule } from './policy-rule.ts';

/** What holds for an endpoint where no tier decides. */
export interface DefaultAction {
  /** Asked first. */
  readonly rule?: PolicyRule;
  readonly rest: 'Allow' | 'Deny';
}

const DIRECTIONS: readonly Direction[] = ['Ingress', 'Egress'];

/** What namespaces and networks say of flows that no policy decides. */
export class NamespaceDefaults {
  readonly #membership: Membership;
  readonly #actions = new Map<string, Readonly<Record<Direction, NamespaceDefault>>>();
  /** The endpoints and network sets of each namespace that is open to itself. */
  readonly #inhabitants = new Map<string, SelectorSet>();
  readonly #rules = new Map<string, Readonly<Record<Direction, PolicyRule>>>();
  #replaced: SelectorSet[] = [];

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /** The endpoints of the namespace have to be settled afterwards. */
  put(name: string, object: Namespace | undefined): void {
    const before = this.#inhabitants.get(name);
    if (before !== undefined) this.#replaced.push(before);
    this.#inhabitants.delete(name);
    this.#rules.delete(name);
    this.#actions.delete(name);
    if (object === undefined) return;
    const { defaultAction, defaultIngress = defaultAction, defaultEgress = defaultAction } = object.spec;
    this.#actions.set(name, { Ingress: defaultIngress, Egress: defaultEgress });
    if (![defaultIngress, defaultEgress].includes('SameNamespace')) return;
    const inhabitants = this.#membership.acquire(parseSelector('all()'), namespaceScope(name));
    this.#inhabitants.set(name, inhabitants);
    const [Ingress, Egress] = DIRECTIONS.map((direction) => sameNamespaceRule(name, direction, inhabitants)) as [PolicyRule, PolicyRule];
    this.#rules.set(name, { Ingress, Egress });
  }

  /** Deny by the endpoint's network or by its namespace closes it. */
  of({ metadata, spec }: Endpoint, direction: Direction): DefaultAction {
    const action = this.#actions.get(metadata.namespace!)?.[direction] ?? 'Allow';
    if (spec.defaultAction === 'Deny' || action === 'Deny') return { rest: 'Deny' };
    if (action === 'Allow') return { rest: 'Allow' };
    return { rule: this.#rules.get(metadata.namespace!)![direction], rest: 'Deny' };
  }

  /** As `PolicyIndex.releaseReplaced`. */
  releaseReplaced(): void {
    for (const set of this.#replaced) this.#membership.release(set);
    this.#replaced = [];
  }
}

function sameNamespaceRule(name: string, direction: Direction, inhabitants: SelectorSet): PolicyRule {
  const nobody = { within: [], without: [] };
  const policy = { kind: 'Namespace' as const, name };
  return { action: 'Allow', policy, direction, index: 0, peer: { within: [inhabitants], without: [] }, local: nobody };
}
