import { type Labels, parseKey } from '@weir/resources';
import { NetLookup } from '../ranges/net-lookup.ts';
import type { Member } from './member.ts';

/** Who has an address, as far as the store tells. With none of the three it is outside of the cluster, or nobody's. */
export interface Party {
  address: string;
  endpoint?: { namespace: string; name: string; labels: Labels };
  /** Of the cluster, by name. */
  host?: string;
  /** Network sets that the address is in: `namespace/name`, global ones by their name. */
  networkSets?: string[];
}

interface NamedSet {
  readonly name: string;
  readonly nets: NetLookup;
}

/** The network sets by what they hold. There are few, and they may be large. */
export class NetworkSetNames {
  readonly #sets = new Map<string, NamedSet>();

  /** @param set undefined when it is gone */
  put(key: string, set: Member | undefined): void {
    if (set === undefined) this.#sets.delete(key);
    else this.#sets.set(key, { name: nameOf(key), nets: new NetLookup(set.cidrs) });
  }

  /** Names of the sets that hold an address. */
  at(address: string): string[] {
    return [...this.#sets.values()]
      .filter(({ nets }) => nets.holds(address))
      .map(({ name }) => name)
      .sort();
  }
}

function nameOf(key: string): string {
  const { namespace, name } = parseKey(key)!;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function endpointParty({ key, namespace, labels }: Member): Party['endpoint'] {
  return { namespace: namespace!, name: parseKey(key)!.name, labels };
}
