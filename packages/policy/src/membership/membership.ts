import {
  ADDRESS_BITS,
  CLUSTER_LABEL,
  type Family,
  familyOf,
  formatSelector,
  type Labels,
  matches,
  mentionsLabel,
  type Selector,
} from '@weir/resources';
import { addressNumber } from '../ranges/canonical-address.ts';
import { NetCover } from '../ranges/net-cover.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import { SingleAddresses } from '../ranges/single-addresses.ts';
import { DomainSets } from './domain-sets.ts';
import type { Member } from './member.ts';
import { MemberIndex } from './member-index.ts';
import type { MemberSet } from './member-set.ts';
import { addTo, deleteFrom } from './multimap.ts';
import { EVERYWHERE, namespaceScope, type Scope, scopeTakes } from './scope.ts';
import { ScopeIndex } from './scope-index.ts';
import { SelectorIndex } from './selector-index.ts';

/** The set of a selector. */
export interface SelectorSet extends MemberSet {
  readonly selector: Selector;
  readonly scope: Scope;
  /** Whether endpoints of other clusters may be meant: whoever wrote the selector thought of these. */
  readonly namesClusters: boolean;
  references: number;
}

interface PortSet extends MemberSet {
  readonly portName: string;
  references: number;
}

/** Told of every change of a set, in terms of addresses; of a port name's set also when an address has other ports of that name. */
export interface MembershipListener {
  addressChanged(set: MemberSet, address: string): void;
  netsChanged(set: MemberSet, ranges: Readonly<Record<Family, readonly AddressRange[]>>): void;
}

const NO_SETS: ReadonlySet<MemberSet> = new Set();

interface Known {
  readonly member: Member;
  /** Those of selectors and port names that it is in. */
  readonly sets: Set<MemberSet>;
}

/**
 * Which addresses belong to which criterion, kept up to date change by change. A change of one member costs by the number of sets that it
 * enters, leaves or is in, whatever their number and size; that of a network set, by the CIDRs that changed.
 */
export class Membership {
  readonly #listener: MembershipListener;
  readonly #namespaceLabels: (namespace: string) => Labels;
  readonly #members = new MemberIndex();
  readonly #known = new Map<string, Known>();
  readonly #byAddress = new Map<string, Set<Member>>();
  readonly #setsAt = new SingleAddresses<MemberSet>();
  readonly #selectorSets = new Map<string, SelectorSet>();
  readonly #selectors = new SelectorIndex<SelectorSet>();
  readonly #scopes = new ScopeIndex<SelectorSet>();
  readonly #portSets = new Map<string, PortSet>();
  readonly #domains = new DomainSets({
    entered: (set, address) => {
      this.#setsAt.add(address, set);
      this.#listener.addressChanged(set, address);
    },
    left: (set, address) => {
      this.#setsAt.delete(address, set);
      this.#listener.addressChanged(set, address);
    },
  });

  constructor(listener: MembershipListener, namespaceLabels: (namespace: string) => Labels) {
    this.#listener = listener;
    this.#namespaceLabels = namespaceLabels;
  }

  /**
   * Puts, replaces or, with undefined, removes the member of that key.
   *
   * @returns the sets of selectors and port names that it was in, and those that it is in
   */
  put(key: string, next: Member | undefined): { before: ReadonlySet<MemberSet>; after: ReadonlySet<MemberSet> } {
    const known = this.#known.get(key);
    const old = known?.member;
    if (old !== undefined) {
      this.#members.delete(old);
      if (isEndpoint(old)) for (const address of old.addresses) deleteFrom(this.#byAddress, address, old);
    }
    if (next !== undefined) {
      this.#members.add(next);
      if (isEndpoint(next)) for (const address of next.addresses) addTo(this.#byAddress, address, next);
    }
    const before = known?.sets ?? NO_SETS;
    const after = next === undefined ? NO_SETS : this.#remember(next);
    this.#move({ old, before }, { next, after });
    if (next === undefined) {
      this.#known.delete(key);
      this.#domains.forget(key);
    }
    return { before, after };
  }

  member(key: string): Member | undefined {
    return this.#known.get(key)?.member;
  }

  /** The set of an endpoint for some domains; it is there as long as the endpoint. */
  domainSet(endpoint: Member, domains: readonly string[]): MemberSet {
    return this.#domains.setOf(endpoint.key, domains);
  }

  /** Replaces what DNS told an endpoint, which may not be known yet, for a name. */
  putResolved(endpointKey: string, name: string, addresses: readonly string[]): void {
    this.#domains.put(endpointKey, name, addresses);
  }

  /**
   * To be called when a namespace's labels have changed. Costs by the members that enter or leave a set: only those are looked for.
   *
   * @param before its labels before
   */
  namespaceChanged(namespace: string, before: Labels): void {
    const { gone, come } = this.#scopes.changed(before, this.#namespaceLabels(namespace));
    // Entering before leaving keeps an address that stays from being reported as gone and come again.
    for (const set of come) for (const member of this.#selectedIn(namespace, set)) this.#enterAlone(set, member);
    for (const set of gone) {
      for (const member of this.#selectedIn(namespace, set)) {
        this.#known.get(member.key)!.sets.delete(set);
        this.#leave(set, member, member.cidrs);
      }
    }
  }

  inNamespace(namespace: string): Iterable<Member> {
    return this.#members.inNamespace(namespace);
  }

  /** The set for a selector, which has to be given back by `release` as often as it was acquired. */
  acquire(selector: Selector, scope: Scope = EVERYWHERE): SelectorSet {
    const key = `${scope.text}|${formatSelector(selector)}`;
    let set = this.#selectorSets.get(key);
    if (set === undefined) {
      set = { key, selector, scope, namesClusters: mentionsLabel(selector, CLUSTER_LABEL), references: 0, ...emptySet() };
      this.#selectorSets.set(key, set);
      this.#selectors.add(set);
      this.#scopes.add(set);
      for (const member of this.#members.candidates(selector, scope) ?? this.#all()) {
        if (this.#takes(set, member)) this.#enterAlone(set, member);
      }
    }
    set.references += 1;
    return set;
  }

  /** The set of endpoints that have a port of that name, whatever its number and protocol. */
  acquirePortName(portName: string): MemberSet {
    let set = this.#portSets.get(portName);
    if (set === undefined) {
      set = { key: `port|${portName}`, portName, references: 0, ...emptySet() };
      this.#portSets.set(portName, set);
      for (const member of this.#all()) if (member.ports.some(({ name }) => name === portName)) this.#enterAlone(set, member);
    }
    set.references += 1;
    return set;
  }

  release(released: MemberSet): void {
    const set = released as SelectorSet | PortSet;
    set.references -= 1;
    if (set.references > 0) return;
    for (const member of set.members) this.#known.get(member.key)?.sets.delete(set);
    for (const addresses of Object.values(set.addresses)) for (const address of addresses.keys()) this.#setsAt.delete(address, set);
    if ('portName' in set) {
      this.#portSets.delete(set.portName);
    } else {
      this.#selectorSets.delete(set.key);
      this.#selectors.delete(set);
      this.#scopes.delete(set);
    }
  }

  /** The sets that hold an address as such, not by a net that it lies in. */
  setsAt(address: string): ReadonlySet<MemberSet> {
    return this.#setsAt.at(address) ?? NO_SETS;
  }

  /** The addresses in a range that any set holds as such. */
  addressesWithin(family: Family, range: AddressRange): string[] {
    return this.#setsAt.within(family, range);
  }

  /** The endpoints that have an address. More than one only while an old owner has not yet gone. */
  membersAt(address: string): Iterable<Member> {
    return this.#byAddress.get(address) ?? [];
  }

  /** The members of a namespace that the set takes, if its scope takes the namespace. */
  #selectedIn(namespace: string, set: SelectorSet): Member[] {
    return [...(this.#members.candidates(set.selector, namespaceScope(namespace)) ?? this.#all())].filter(
      (member) => member.namespace === namespace && selects(set, member),
    );
  }

  #takes(set: SelectorSet, member: Member): boolean {
    if ('endpointsOnly' in set.scope && !isEndpoint(member)) return false;
    return selects(set, member) && scopeTakes(set.scope, member.namespace, this.#namespaceLabels);
  }

  #all(): Iterable<Member> {
    return this.#known.values().map(({ member }) => member);
  }

  /** @returns the sets that it has to be in */
  #remember(member: Member): Set<MemberSet> {
    const sets = this.#setsFor(member);
    this.#known.set(member.key, { member, sets });
    return sets;
  }

  /** Brings the sets from a member's old state to its new one, which is another object. */
  #move(
    { old, before }: { old: Member | undefined; before: ReadonlySet<MemberSet> },
    { next, after }: { next: Member | undefined; after: ReadonlySet<MemberSet> },
  ): void {
    const isSameForm = old !== undefined && next !== undefined && old.areAllNets === next.areAllNets;
    const [gone, come] = isSameForm ? changedPart(old.cidrs, next.cidrs) : [old?.cidrs, next?.cidrs];
    // Entering before leaving keeps an address that stays from being reported as gone and come again.
    for (const set of after) this.#enter(set, next!, before.has(set) ? come! : next!.cidrs);
    for (const set of before) this.#leave(set, old!, after.has(set) ? gone! : old!.cidrs);
  }

  #setsFor(member: Member): Set<MemberSet> {
    const sets = new Set<MemberSet>();
    for (const set of this.#selectors.candidates(member.namespace, member.labels)) if (this.#takes(set, member)) sets.add(set);
    for (const { name } of member.ports) {
      const set = this.#portSets.get(name);
      if (set !== undefined) sets.add(set);
    }
    return sets;
  }

  /** Into one set more than it is in. */
  #enterAlone(set: MemberSet, member: Member): void {
    this.#known.get(member.key)!.sets.add(set);
    this.#enter(set, member);
  }

  /** @param cidrs those of the member that the set does not have from its old state */
  #enter(set: MemberSet, member: Member, cidrs: readonly string[] = member.cidrs): void {
    set.members.add(member);
    const { addresses, nets } = split(member, cidrs);
    for (const address of addresses) {
      const isNew = increment(set.addresses[familyOf(address)], address);
      if (isNew) this.#setsAt.add(address, set);
      if (isNew || 'portName' in set) this.#listener.addressChanged(set, address);
    }
    if (nets.length > 0) this.#reportNets(set, set.nets.add(nets));
  }

  /** @param cidrs those of the member that the set does not have from its new state */
  #leave(set: MemberSet, member: Member, cidrs: readonly string[]): void {
    set.members.delete(member);
    const { addresses, nets } = split(member, cidrs);
    for (const address of addresses) {
      const isGone = decrement(set.addresses[familyOf(address)], address);
      if (isGone) this.#setsAt.delete(address, set);
      if (isGone || 'portName' in set) this.#listener.addressChanged(set, address);
    }
    if (nets.length > 0) this.#reportNets(set, set.nets.delete(nets));
  }

  #reportNets(set: MemberSet, ranges: Record<Family, AddressRange[]>): void {
    if (ranges.IPv4.length + ranges.IPv6.length > 0) this.#listener.netsChanged(set, ranges);
  }
}

/** What is left of two lists without what they have in common at either end: people change a line or two of a long list. */
function changedPart(old: readonly string[], next: readonly string[]): [gone: readonly string[], come: readonly string[]] {
  const shorter = Math.min(old.length, next.length);
  let start = 0;
  while (start < shorter && old[start] === next[start]) start += 1;
  let end = 0;
  while (end < shorter - start && old[old.length - 1 - end] === next[next.length - 1 - end]) end += 1;
  return [old.slice(start, old.length - end), next.slice(start, next.length - end)];
}

const NO_NETS: readonly string[] = [];

/** Single addresses, which are looked up by hash, and wider blocks. */
function split(member: Member, cidrs: readonly string[]): { addresses: readonly string[]; nets: readonly string[] } {
  if (cidrs.length === 0) return { addresses: member.addresses, nets: NO_NETS };
  const addresses = [...member.addresses];
  const nets: string[] = [];
  if (member.areAllNets) return { addresses, nets: cidrs };
  for (const cidr of cidrs) {
    if (cidr.endsWith(`/${ADDRESS_BITS[familyOf(cidr)]}`)) addresses.push(cidr.slice(0, cidr.indexOf('/')));
    else nets.push(cidr);
  }
  return { addresses, nets };
}

function emptySet(): Pick<MemberSet, 'members' | 'addresses' | 'nets'> {
  return { members: new Set(), addresses: { IPv4: new Map(), IPv6: new Map() }, nets: new NetCover() };
}

/** By labels alone. */
function selects({ selector, namesClusters }: SelectorSet, { cluster, labels }: Member): boolean {
  return (cluster === undefined || namesClusters) && matches(selector, labels);
}

function isEndpoint({ ownLabels }: Member): boolean {
  return ownLabels !== undefined;
}

/** Whether an address is in the set, by itself or in a net. */
export function setHolds({ addresses, nets }: MemberSet, address: string): boolean {
  const family = familyOf(address);
  return addresses[family].has(address) || (!nets.isEmpty && nets.holds(family, addressNumber(address)));
}

/** @returns whether the key is new */
function increment(counts: Map<string, number>, key: string): boolean {
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  return count === 0;
}

/** @returns whether the key is gone */
function decrement(counts: Map<string, number>, key: string): boolean {
  const count = counts.get(key)! - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
  return count === 0;
}
