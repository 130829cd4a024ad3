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

  /** @returns whether it is another default than before; the endpoints of the namespace have to be settled then */
  put(name: string, object: Namespace | undefined): boolean {
    const actions = object && actionsOf(object);
    const present = this.#actions.get(name);
    if (present?.Ingress === actions?.Ingress && present?.Egress === actions?.Egress) return false;
    this.#replace(name, actions);
    return true;
  }

  #replace(name: string, actions: Readonly<Record<Direction, NamespaceDefault>> | undefined): void {
    const before = this.#inhabitants.get(name);
    if (before !== undefined) this.#replaced.push(before);
    this.#inhabitants.delete(name);
    this.#rules.delete(name);
    this.#actions.delete(name);
    if (actions === undefined) return;
    this.#actions.set(name, actions);
    if (actions.Ingress !== 'SameNamespace' && actions.Egress !== 'SameNamespace') return;
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

function actionsOf({ spec }: Namespace): Record<Direction, NamespaceDefault> {
  const { defaultAction, defaultIngress = defaultAction, defaultEgress = defaultAction } = spec;
  return { Ingress: defaultIngress, Egress: defaultEgress };
}

function sameNamespaceRule(name: string, direction: Direction, inhabitants: SelectorSet): PolicyRule {
  const nobody = { within: [], without: [] };
  const policy = { kind: 'Namespace' as const, name };
  return { action: 'Allow', policy, direction, index: 0, peer: { within: [inhabitants], without: [] }, local: nobody };
}
