import { type Labels, labelRestrictions, type Selector } from '@weir/resources';
import type { Scope } from './scope.ts';

interface Selecting {
  readonly selector: Selector;
  readonly scope: Scope;
}

/** Where one selector is kept: under a label and value, under a label of any value, or with the rest; all this per namespace or for all. */
type Place =
  | { kind: 'value'; label: string; values: ReadonlySet<string> }
  | { kind: 'label'; label: string }
  | { kind: 'rest' };

interface Shelf<T> {
  byValue: Map<string, Map<string, Set<T>>>;
  byLabel: Map<string, Set<T>>;
  rest: Set<T>;
}

/**
 * Finds the selectors that may take an object without trying all of them. Each selector is kept under one condition that its matches
 * have to meet; the candidates for given labels are those whose condition they meet.
 */
export class SelectorIndex<T extends Selecting> {
  readonly #everywhere: Shelf<T> = emptyShelf();
  readonly #byNamespace = new Map<string, Shelf<T>>();

  add(entry: T): void {
    const shelf = this.#shelf(entry.scope);
    for (const set of places(shelf, entry.selector)) set.add(entry);
  }

  delete(entry: T): void {
    const shelf = this.#shelf(entry.scope);
    for (const set of places(shelf, entry.selector)) set.delete(entry);
  }

  /** A superset of the entries that take the object; none comes twice. */
  *candidates(namespace: string, labels: Labels): Generator<T> {
    yield* candidatesOf(this.#everywhere, labels);
    const own = this.#byNamespace.get(namespace);
    if (own !== undefined) yield* candidatesOf(own, labels);
  }

  #shelf(scope: Scope): Shelf<T> {
    if (scope.kind !== 'namespace') return this.#everywhere;
    let shelf = this.#byNamespace.get(scope.namespace);
    if (shelf === undefined) {
      shelf = emptyShelf();
      this.#byNamespace.set(scope.namespace, shelf);
    }
    return shelf;
  }
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

function emptyShelf<T>(): Shelf<T> {
  return { byValue: new Map(), byLabel: new Map(), rest: new Set() };
}

function places<T>(shelf: Shelf<T>, selector: Selector): Set<T>[] {
  const place = narrowestPlace(selector);
  if (place.kind === 'rest') return [shelf.rest];
  if (place.kind === 'label') return [entryOf(shelf.byLabel, place.label, () => new Set<T>())];
  const byValue = entryOf(shelf.byValue, place.label, () => new Map<string, Set<T>>());
  return [...place.values].map((value) => entryOf(byValue, value, () => new Set<T>()));
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

function* candidatesOf<T>(shelf: Shelf<T>, labels: Labels): Generator<T> {
  for (const label of Object.keys(labels)) {
    yield* shelf.byLabel.get(label) ?? [];
    yield* shelf.byValue.get(label)?.get(labels[label]!) ?? [];
  }
  yield* shelf.rest;
}
