import type { Endpoint } from '@weir/resources';

/** Endpoints by key, by address and by label in maps of the language, as anything has to have them that finds them by these. */
export class PlainMaps {
  readonly #byKey = new Map<string, Endpoint>();
  readonly #byAddress = new Map<string, Endpoint>();
  readonly #byLabel = new Map<string, Set<Endpoint>>();

  put(endpoint: Endpoint): void {
    const before = this.#byKey.get(endpoint.metadata.name);
    if (before !== undefined) for (const label of labelsOf(before)) this.#byLabel.get(label)!.delete(before);
    this.#byKey.set(endpoint.metadata.name, endpoint);
    for (const address of endpoint.spec.addresses) this.#byAddress.set(address, endpoint);
    for (const label of labelsOf(endpoint)) {
      const present = this.#byLabel.get(label);
      if (present === undefined) this.#byLabel.set(label, new Set([endpoint]));
      else present.add(endpoint);
    }
  }
}

function labelsOf({ metadata }: Endpoint): string[] {
  return Object.entries(metadata.labels).map(([label, value]) => `${label}=${value}`);
}
