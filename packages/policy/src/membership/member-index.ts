import type { Selector } from '@weir/resources';
import type { Member } from './member.ts';
import { addTo, deleteFrom, getOrCreate } from './multimap.ts';
import type { Scope } from './scope.ts';
import { narrowestPlace } from './selector-index.ts';

const NO_MEMBERS: ReadonlySet<Member> = new Set();

/** Finds members without trying all of them: by label and value, else by namespace. */
export class MemberIndex {
  readonly #byNamespace = new Map<string, Set<Member>>();
  readonly #byLabel = new Map<string, Map<string, Set<Member>>>();

  add(member: Member): void {
    if (member.namespace !== undefined) addTo(this.#byNamespace, member.namespace, member);
    for (const [label, value] of Object.entries(member.labels)) {
      addTo(
        getOrCreate(this.#byLabel, label, () => new Map<string, Set<Member>>()),
        value,
        member,
      );
    }
  }

  delete(member: Member): void {
    if (member.namespace !== undefined) deleteFrom(this.#byNamespace, member.namespace, member);
    for (const [label, value] of Object.entries(member.labels)) {
      const values = this.#byLabel.get(label)!;
      deleteFrom(values, value, member);
      if (values.size === 0) this.#byLabel.delete(label);
    }
  }

  inNamespace(namespace: string): Iterable<Member> {
    return this.#byNamespace.get(namespace) ?? [];
  }

  /**
   * A superset of the members that the selector takes within the scope; none comes twice. Undefined where all there are have to be tried.
   */
  candidates(selector: Selector, scope: Scope): Iterable<Member> | undefined {
    const place = narrowestPlace(selector);
    const own = scope.kind === 'namespace' ? (this.#byNamespace.get(scope.namespace) ?? NO_MEMBERS) : undefined;
    if (place.kind === 'rest') return own;
    const values = this.#byLabel.get(place.label) ?? new Map<string, Set<Member>>();
    const sets = place.kind === 'label' ? [...values.values()] : [...place.values].flatMap((value) => values.get(value) ?? []);
    const count = sets.reduce((sum, set) => sum + set.size, 0);
    return own !== undefined && own.size <= count ? own : sets.flatMap((set) => [...set]);
  }
}
