import { type Labels, labelRestrictions, type Selector } from '@weir/resources';
import { addTo, deleteFrom, getOrCreate } from './multimap.ts';
import type { Scope } from './scope.ts';

interface Selecting {
  readonly selector: Selector;
  readonly scope: Scope;
}

/** Where a selector is kept: under a label and value, under a label of any value, or with the rest. */
type Place = { kind: 'value'; label: string; values: ReadonlySet<string> } | { kind: 'label'; label: string } | { kind: 'rest' };

/**
 * Finds the selectors that may take an object without trying all of them. Each selector is kept under one condition that its matches
 * have to meet; the candidates for given labels are those whose condition they meet.
 */
export class SelectorIndex<T extends Selecting> {
  /** By namespace, label and value, each of them `ANY` where it makes no difference. */
  readonly #entries = new Map<string, Map<string, Map<string, Set<T>>>>();

  add(entry: T): void {
    const { namespace, label, values } = conditionOf(entry);
    const byLabel = getOrCreate(this.#entries, namespace, () => new Map<string, Map<string, Set<T>>>());
    const byValue = getOrCreate(byLabel, label, () => new Map<string, Set<T>>());
    for (const value of values) addTo(byValue, value, entry);
  }

  delete(entry: T): void {
    const { namespace, label, values } = conditionOf(entry);
    const byLabel = this.#entries.get(namespace);
    const byValue = byLabel?.get(label);
    if (byLabel === undefined || byValue === undefined) return;
    for (const value of values) deleteFrom(byValue, value, entry);
    if (byValue.size === 0) byLabel.delete(label);
    if (byLabel.size === 0) this.#entries.delete(namespace);
  }

  /** A superset of the entries that take the object; none comes twice. */
  candidates(namespace: string | undefined, labels: Labels): T[] {
    const found: T[] = [];
    const given = Object.entries(labels);
    for (const scope of namespace === undefined ? [ANY] : [ANY, namespace]) {
      const byLabel = this.#entries.get(scope);
      if (byLabel === undefined) continue;
      for (const entry of byLabel.get(ANY)?.get(ANY) ?? NONE) found.push(entry);
      for (const [label, value] of given) {
        const byValue = byLabel.get(label);
        if (byValue === undefined) continue;
        for (const entry of byValue.get(ANY) ?? NONE) found.push(entry);
        for (const entry of byValue.get(value) ?? NONE) found.push(entry);
      }
    }
    return found;
  }
}

/** No namespace, label or value. */
const ANY = '\n';
const NONE: readonly never[] = [];

/** What objects have to have that the selector takes: a label with one of the values, in the namespace. */
function conditionOf({ selector, scope }: Selecting): { namespace: string; label: string; values: Iterable<string> } {
  const namespace = scope.kind === 'namespace' ? scope.namespace : ANY;
  const place = narrowestPlace(selector);
  if (place.kind === 'rest') return { namespace, label: ANY, values: [ANY] };
  return { namespace, label: place.label, values: place.kind === 'label' ? [ANY] : place.values };
}

/** The condition to look a selector's matches up by: the equality with the fewest values, else a label that has to be there. */
export function narrowestPlace(selector: Selector): Place {
  let best: Place = { kind: 'rest' };
  for (const [label, { present, oneOf }] of labelRestrictions(selector)) {
    if (oneOf !== undefined && (best.kind !== 'value' || oneOf.size < best.values.size)) best = { kind: 'value', label, values: oneOf };
    else if (present && best.kind === 'rest') best = { kind: 'label', label };
  }
  return best;
}
