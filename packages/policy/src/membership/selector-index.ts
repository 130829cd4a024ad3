import { type Labels, labelRestrictions, type Selector } from '@weir/resources';
import { addTo, deleteFrom } from './multimap.ts';
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
  readonly #entries = new Map<string, Set<T>>();

  add(entry: T): void {
    for (const key of keysOf(entry)) addTo(this.#entries, key, entry);
  }

  delete(entry: T): void {
    for (const key of keysOf(entry)) deleteFrom(this.#entries, key, entry);
  }

  /** A superset of the entries that take the object; none comes twice. */
  *candidates(namespace: string | undefined, labels: Labels): Generator<T> {
    for (const scope of namespace === undefined ? [ANY] : [ANY, namespace]) {
      yield* this.#entries.get(keyOf(scope, ANY, ANY)) ?? [];
      for (const [label, value] of Object.entries(labels)) {
        yield* this.#entries.get(keyOf(scope, label, ANY)) ?? [];
        yield* this.#entries.get(keyOf(scope, label, value)) ?? [];
      }
    }
  }
}

/** No namespace, label or value. */
const ANY = '\n';

function keyOf(namespace: string, label: string, value: string): string {
  return `${namespace} ${label} ${value}`;
}

function keysOf({ selector, scope }: Selecting): string[] {
  const namespace = scope.kind === 'namespace' ? scope.namespace : ANY;
  const place = narrowestPlace(selector);
  if (place.kind === 'rest') return [keyOf(namespace, ANY, ANY)];
  if (place.kind === 'label') return [keyOf(namespace, place.label, ANY)];
  return [...place.values].map((value) => keyOf(namespace, place.label, value));
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
