import { type Endpoint, keyOf } from '@weir/resources';

/** What is told of an endpoint may change; where it stands does not. */
interface Known {
  endpoint: Endpoint;
}

/**
 * Endpoints in maps of the language, as anything has to have them that finds them by key, address, namespace and label, and that knows the
 * sets which rules look them up in: those of their app, which three rules name, of their namespace and of their tier there.
 */
export class PlainMaps {
  readonly #byKey = new Map<string, Known>();
  readonly #byAddress = new Map<string, Known>();
  readonly #byNamespace = new Map<string, Set<Known>>();
  readonly #byLabel = new Map<string, Set<Known>>();
  readonly #sets = new Map<string, { members: Set<Known>; addresses: Map<string, number> }>();
  readonly #setsAt = new Map<string, Set<string>>();

  /** @param endpoint a new one */
  put(endpoint: Endpoint): void {
    const { namespace, labels } = endpoint.metadata;
    const known = { endpoint };
    this.#byKey.set(keyOf(endpoint), known);
    addTo(this.#byNamespace, namespace!, known);
    for (const [label, value] of Object.entries(labels)) addTo(this.#byLabel, `${label}=${value}`, known);
    const rules = [0, 1, 2].map((rule) => `${namespace} ${labels.app} ${rule}`);
    const sets = [namespace!, `${namespace} ${labels.tier}`, ...rules];
    for (const address of endpoint.spec.addresses) {
      this.#byAddress.set(address, known);
      for (const set of sets) this.#enter(set, address, known);
    }
  }

  /** @param endpoint one that is there, with other labels that no rule names */
  relabel(endpoint: Endpoint): void {
    const known = this.#byKey.get(keyOf(endpoint))!;
    const before = known.endpoint.metadata.labels;
    const after = endpoint.metadata.labels;
    known.endpoint = endpoint;
    for (const [label, value] of Object.entries(before)) if (after[label] !== value) this.#byLabel.get(`${label}=${value}`)!.delete(known);
    for (const [label, value] of Object.entries(after)) if (before[label] !== value) addTo(this.#byLabel, `${label}=${value}`, known);
    // Whatever it is in has to be known not to change by it.
    for (const address of endpoint.spec.addresses) for (const set of this.#setsAt.get(address)!) this.#sets.get(set)!.members.has(known);
  }

  #enter(key: string, address: string, known: Known): void {
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = { members: new Set(), addresses: new Map() };
      this.#sets.set(key, set);
    }
    set.members.add(known);
    set.addresses.set(address, (set.addresses.get(address) ?? 0) + 1);
    addTo(this.#setsAt, address, key);
  }
}

function addTo<V>(map: Map<string, Set<V>>, key: string, value: V): void {
  const present = map.get(key);
  if (present === undefined) map.set(key, new Set([value]));
  else present.add(value);
}
