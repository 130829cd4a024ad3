import { domainTakes, familyOf } from '@weir/resources';
import { NetCover } from '../ranges/net-cover.ts';
import type { MemberSet } from './member-set.ts';
import { getOrCreate } from './multimap.ts';

/** The addresses that one endpoint was told for the names that some domains take. Nobody else has anything of it. */
interface DomainSet extends MemberSet {
  readonly domains: readonly string[];
}

interface Owner {
  /** Addresses by name, as DNS told them. */
  readonly names: Map<string, readonly string[]>;
  readonly sets: Map<string, DomainSet>;
}

/** Told when an address enters or leaves a set. */
export interface DomainListener {
  entered(set: MemberSet, address: string): void;
  left(set: MemberSet, address: string): void;
}

/** What endpoints were told by DNS, name by name. A set, once asked for, is kept up to date until its endpoint goes. */
export class DomainSets {
  readonly #listener: DomainListener;
  readonly #owners = new Map<string, Owner>();

  constructor(listener: DomainListener) {
    this.#listener = listener;
  }

  /** @param owner key of the endpoint */
  setOf(owner: string, domains: readonly string[]): MemberSet {
    const { names, sets } = this.#owner(owner);
    const sorted = [...new Set(domains)].sort();
    const key = `domains|${owner}|${sorted.join(' ')}`;
    const present = sets.get(key);
    if (present !== undefined) return present;
    const set: DomainSet = {
      key,
      domains: sorted,
      members: new Set(),
      addresses: { IPv4: new Map(), IPv6: new Map() },
      nets: new NetCover(),
    };
    sets.set(key, set);
    for (const [name, addresses] of names) if (takes(set, name)) for (const address of addresses) this.#enter(set, address);
    return set;
  }

  /** Replaces the addresses of a name; with none, the name is unknown again. */
  put(owner: string, name: string, addresses: readonly string[]): void {
    const { names, sets } = this.#owner(owner);
    const before = names.get(name) ?? [];
    const after = [...new Set(addresses)];
    if (after.length > 0) names.set(name, after);
    else names.delete(name);
    for (const set of sets.values()) {
      if (!takes(set, name)) continue;
      // Entering before leaving keeps an address that stays from being reported as gone and come again.
      for (const address of after) this.#enter(set, address);
      for (const address of before) this.#leave(set, address);
    }
    if (names.size === 0 && sets.size === 0) this.#owners.delete(owner);
  }

  /** To be called when the endpoint is gone. */
  forget(owner: string): void {
    for (const set of this.#owners.get(owner)?.sets.values() ?? []) {
      for (const addresses of Object.values(set.addresses)) for (const address of addresses.keys()) this.#listener.left(set, address);
    }
    this.#owners.delete(owner);
  }

  #owner(owner: string): Owner {
    return getOrCreate(this.#owners, owner, () => ({ names: new Map(), sets: new Map() }));
  }

  #enter(set: DomainSet, address: string): void {
    const counts = set.addresses[familyOf(address)];
    const count = counts.get(address) ?? 0;
    counts.set(address, count + 1);
    if (count === 0) this.#listener.entered(set, address);
  }

  #leave(set: DomainSet, address: string): void {
    const counts = set.addresses[familyOf(address)];
    const count = counts.get(address)! - 1;
    if (count > 0) {
      counts.set(address, count);
      return;
    }
    counts.delete(address);
    this.#listener.left(set, address);
  }
}

function takes({ domains }: DomainSet, name: string): boolean {
  return domains.some((domain) => domainTakes(domain, name));
}
