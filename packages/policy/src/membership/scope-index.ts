import { type Labels, matches, type Selector } from '@weir/resources';
import { getOrCreate } from './multimap.ts';
import { EVERYWHERE, type Scope } from './scope.ts';
import { SelectorIndex } from './selector-index.ts';

/** All that looks in the same namespaces. */
interface Scoped<T> {
  readonly selector: Selector;
  /** Namespaces themselves are in none. */
  readonly scope: typeof EVERYWHERE;
  readonly entries: Set<T>;
}

/** Finds what looks in namespaces by their labels, when these have changed. Other scopes do not depend on labels. */
export class ScopeIndex<T extends { readonly scope: Scope }> {
  readonly #byText = new Map<string, Scoped<T>>();
  readonly #index = new SelectorIndex<Scoped<T>>();

  add(entry: T): void {
    const { scope } = entry;
    if (scope.kind !== 'namespaces') return;
    const scoped = getOrCreate(this.#byText, scope.text, () => {
      const made: Scoped<T> = { selector: scope.selector, scope: EVERYWHERE, entries: new Set() };
      this.#index.add(made);
      return made;
    });
    scoped.entries.add(entry);
  }

  delete(entry: T): void {
    const { scope } = entry;
    const scoped = this.#byText.get(scope.text);
    if (scope.kind !== 'namespaces' || !scoped?.entries.delete(entry) || scoped.entries.size > 0) return;
    this.#byText.delete(scope.text);
    this.#index.delete(scoped);
  }

  /** What looks in a namespace no more, and what does by now, when its labels were others. */
  changed(before: Labels, after: Labels): { gone: T[]; come: T[] } {
    const [were, are] = [this.#taking(before), this.#taking(after)];
    const entriesOf = (all: ReadonlySet<Scoped<T>>) => [...all].flatMap(({ entries }) => [...entries]);
    return { gone: entriesOf(were.difference(are)), come: entriesOf(are.difference(were)) };
  }

  #taking(labels: Labels): Set<Scoped<T>> {
    return new Set(this.#index.candidates(undefined, labels).filter(({ selector }) => matches(selector, labels)));
  }
}
