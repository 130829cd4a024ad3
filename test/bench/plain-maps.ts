import type { Endpoint } from '@weir/resources';

/**
 * Endpoints in maps of the language, as anything has to have them that finds them by key, address, namespace and label, and that knows the
 * sets which rules look them up in: those of their app, which three rules name, of their namespace and of their tier there.
 */
export class PlainMaps {
  readonly #byKey = new Map<string, Endpoint>();
  readonly #byAddress = new Map<string, Endpoint>();
  readonly #byNamespace = new Map<string, Set<Endpoint>>();
  readonly #byLabel = new Map<string, Set<Endpoint>>();
  readonly #sets = new Map<string, { members: Set<Endpoint>; addresses: Map<string, number> }>();
  readonly #setsAt = new Map<string, Set<string>>();

  /** @param endpoint a new one */
  put(endpoint: Endpoint): void {
    const { name, namespace, labels } = endpoint.metadata;
    this.#byKey.set(`Endpoint/${namespace}/${name}`, endpoint);
    addTo(this.#byNamespace, namespace!, endpoint);
    for (const [label, value] of Object.entries(labels)) addTo(this.#byLabel, `${label}=${value}`, endpoint);
    const rules = [0, 1, 2].map((rule) => `${namespace} ${labels.app} ${rule}`);
    const sets = [namespace!, `${namespace} ${labels.tier}`, ...rules];
    for (const address of endpoint.spec.addresses) {
      this.#byAddress.set(address, endpoint);
      for (const set of sets) this.#enter(set, address, endpoint);
    }
  }

  #enter(key: string, address: string, endpoint: Endpoint): void {
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = { members: new Set(), addresses: new Map() };
      this.#sets.set(key, set);
    }
    set.members.add(endpoint);
    set.addresses.set(address, (set.addresses.get(address) ?? 0) + 1);
    addTo(this.#setsAt, address, key);
  }
}

function addTo<V>(map: Map<string, Set<V>>, key: string, value: V): void {
  const present = map.get(key);
  if (present === undefined) map.set(key, new Set([value]));
  else present.add(value);
}
