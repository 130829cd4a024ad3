import { type Direction, type Family, familyOf } from '@weir/resources';
import type { Member } from '../membership/member.ts';
import type { MemberSet } from '../membership/member-set.ts';
import type { Membership } from '../membership/membership.ts';
import { addTo, deleteFrom, getOrCreate } from '../membership/multimap.ts';
import { PeerSets } from '../peers/peer-sets.ts';
import { PeerTable } from '../peers/peer-table.ts';
import type { DefaultAction, NamespaceDefaults } from '../program/namespace-defaults.ts';
import type { PolicyIndex } from '../program/policy-index.ts';
import { type Closed, type LocalSide, type Program, program, type Tiers } from '../program/program.ts';
import type { AddressRange } from '../ranges/net-ranges.ts';
import { type ChainStatement, type Statement, statementKey } from '../statements/statement.ts';
import { SharedStructure, type Table } from '../statements/table.ts';
import { DENIED, sameVerdict } from '../statements/verdict.ts';
import { BridgePorts } from './bridge-ports.ts';
import { DnsClients } from './dns-clients.ts';
import type { Enforced } from './enforced.ts';
import { type Entry, entryByLocalAddress, groupEntry, type TablesByFamily } from './entry.ts';
import { LocalAddresses } from './local-addresses.ts';
import { ANY_INTERFACE, dispatchStatements, type Entries, hostPlace, type LocalEndpoint, placeOf } from './local-endpoint.ts';

interface InterfaceState {
  readonly endpoint: LocalEndpoint;
  readonly enforced: Readonly<Record<Direction, ReadonlyMap<string, Enforced>>>;
  /** Of a host endpoint: for packets that pass through the host. */
  readonly forwarded?: Readonly<Record<Direction, ReadonlyMap<string, Enforced>>>;
  readonly entries: Entries;
  readonly statements: ReadonlyMap<string, Statement>;
}

interface SharedTable {
  readonly table: PeerTable;
  /** Interfaces that have it, each as often as it is in use there. */
  readonly users: Map<string, number>;
}

const DIRECTIONS: readonly Direction[] = ['Ingress', 'Egress'];
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
/** What passes through a host does so, unless a policy is for it. */
const PASSES: DefaultAction = { rest: 'Allow' };

/** From what has changed to the desired table: interfaces whose programs may differ, and addresses and nets whose classes may. */
export class Enforcement {
  readonly #membership: Membership;
  readonly #policies: PolicyIndex;
  readonly #defaults: NamespaceDefaults;
  readonly #table: Table;
  readonly #structure: SharedStructure;
  readonly #bridgePorts: BridgePorts;
  readonly #localAddresses: LocalAddresses;
  readonly #dnsClients: DnsClients;
  readonly #peerSets: PeerSets;
  readonly #manyPeers: number;
  readonly #netsPerSet: number;
  readonly #endpoints = new Map<Member, LocalEndpoint>();
  readonly #byInterface = new Map<string, Set<LocalEndpoint>>();
  readonly #states = new Map<string, InterfaceState>();
  readonly #tables = new Map<string, SharedTable>();
  readonly #tablesBySet = new Map<MemberSet, Set<SharedTable>>();
  readonly #dirtyInterfaces = new Set<string>();
  readonly #dirtyAddresses = new Map<SharedTable, Set<string>>();
  readonly #dirtyNets = new Map<SharedTable, Map<MemberSet, AddressRange[]>>();

  constructor(of: {
    membership: Membership;
    policies: PolicyIndex;
    defaults: NamespaceDefaults;
    table: Table;
    /** Of the bridge family. */
    bridgeTable: Table;
    /** From how many addresses on a set is in the table as such. */
    manyPeers: number;
    /** How many nets of a list a set of the table has at most. */
    netsPerSet: number;
  }) {
    this.#membership = of.membership;
    this.#policies = of.policies;
    this.#table = of.table;
    this.#structure = new SharedStructure(of.table);
    this.#peerSets = new PeerSets(of.table, this.#structure);
    this.#manyPeers = of.manyPeers;
    this.#netsPerSet = of.netsPerSet;
    this.#bridgePorts = new BridgePorts({ inet: of.table, bridge: of.bridgeTable });
    this.#localAddresses = new LocalAddresses(of.table);
    this.#dnsClients = new DnsClients(of.table, this.#structure);
    this.#defaults = of.defaults;
  }

  addEndpoint(endpoint: LocalEndpoint): void {
    const place = placeOf(endpoint.object);
    this.#endpoints.set(endpoint.member, endpoint);
    addTo(this.#byInterface, place, endpoint);
    this.#dirtyInterfaces.add(place);
  }

  deleteEndpoint(member: Member): void {
    const endpoint = this.#endpoints.get(member)!;
    const place = placeOf(endpoint.object);
    this.#endpoints.delete(member);
    deleteFrom(this.#byInterface, place, endpoint);
    this.#dirtyInterfaces.add(place);
  }

  /** Undefined if it is not an endpoint of this host. */
  localEndpoint(member: Member): LocalEndpoint | undefined {
    return this.#endpoints.get(member);
  }

  /** To be called when the policies of an endpoint have changed, or what they or the default action look at. */
  endpointChanged(member: Member): void {
    const endpoint = this.#endpoints.get(member);
    if (endpoint !== undefined) this.#dirtyInterfaces.add(placeOf(endpoint.object));
  }

  addressChanged(set: MemberSet, address: string): void {
    this.#peerSets.addressChanged(set, address);
    const family = familyOf(address);
    for (const shared of this.#tablesBySet.get(set) ?? []) {
      if (family !== shared.table.program.family) continue;
      addTo(this.#dirtyAddresses, shared, address);
    }
    for (const member of this.#policies.endpointsThatLookIn(set)) if (member.addresses.includes(address)) this.endpointChanged(member);
  }

  /** @param ranges what the change is within */
  netsChanged(set: MemberSet, ranges: Readonly<Record<Family, readonly AddressRange[]>>): void {
    for (const shared of this.#tablesBySet.get(set) ?? []) {
      const changed = ranges[shared.table.program.family];
      if (changed.length === 0) continue;
      const bySet = getOrCreate(this.#dirtyNets, shared, () => new Map<MemberSet, AddressRange[]>());
      bySet.set(set, (bySet.get(set) ?? []).concat(changed));
    }
    for (const member of this.#policies.endpointsThatLookIn(set)) this.endpointChanged(member);
  }

  /**
   * Brings the table up to date with everything reported.
   *
   * @returns interfaces that may have lost a permission
   */
  settle(): Set<string> {
    const narrowed = new Set<string>();
    for (const name of this.#dirtyInterfaces) if (this.#settleInterface(name)) narrowed.add(name);
    this.#dirtyInterfaces.clear();
    // Tables that the interfaces have just let go of are not worth it.
    const inUse = (shared: SharedTable) => shared.users.size > 0;
    const refresh = ({ table, users }: SharedTable, bringUpToDate: () => boolean) => {
      const { many } = table;
      const { rules } = table.nets;
      if (bringUpToDate()) for (const name of users.keys()) narrowed.add(name);
      // The way from the interface leads over a map of nets only while there is one, and over the sets that are the largest.
      if (rules !== table.nets.rules || many !== table.many) for (const name of users.keys()) this.#dirtyInterfaces.add(name);
    };
    for (const [shared, changed] of this.#dirtyNets) {
      if (!inUse(shared)) continue;
      refresh(shared, () => shared.table.refreshNets(changed));
    }
    for (const [shared, addresses] of this.#dirtyAddresses) {
      if (inUse(shared)) refresh(shared, () => shared.table.refreshAddresses(addresses));
    }
    for (const name of this.#dirtyInterfaces) if (this.#settleInterface(name)) narrowed.add(name);
    this.#dirtyInterfaces.clear();
    this.#peerSets.settle();
    this.#dirtyAddresses.clear();
    this.#dirtyNets.clear();
    return narrowed;
  }

  /** The endpoint of this host that has an address, with its program for that address. */
  enforcedAt(address: string, direction: Direction): Enforced | undefined {
    let first: { name: string; enforced: Enforced } | undefined;
    for (const member of this.#membership.membersAt(address)) {
      const endpoint = this.#endpoints.get(member);
      if (endpoint === undefined) continue;
      const name = placeOf(endpoint.object);
      if (first !== undefined && first.name <= name) continue;
      const enforced = this.#states.get(name)?.enforced[direction].get(address);
      if (enforced !== undefined) first = { name, enforced };
    }
    return first?.enforced;
  }

  /**
   * What a host endpoint says of packets that pass through its interface; undefined where none is asked. An endpoint of all interfaces is
   * asked about those that have none of their own.
   */
  forwardedThrough(interfaceName: string, direction: Direction, family: Family): PeerTable | undefined {
    const state = this.#states.get(hostPlace(interfaceName)) ?? this.#states.get(hostPlace(ANY_INTERFACE));
    return state?.forwarded?.[direction].get(family)?.table;
  }

  /** Whether the address is of a container of this host. */
  isContainer(address: string): boolean {
    return [...this.#membership.membersAt(address)].some((member) => this.#endpoints.get(member)?.object.kind === 'Endpoint');
  }

  /** Whether the address is of an endpoint of that host. */
  isOnHost(address: string, host: string): boolean {
    return [...this.#membership.membersAt(address)].some((member) => this.#endpoints.get(member)?.object.spec.host === host);
  }

  /**
   * What a host endpoint says of an address of its host, whether that was told of or not, or of what passes through; undefined if another
   * endpoint has its interface.
   */
  hostEnforced(member: Member, direction: Direction, address: string, options: { forwarded: boolean }): Enforced | undefined {
    const endpoint = this.#endpoints.get(member);
    const state = endpoint && this.#states.get(placeOf(endpoint.object));
    if (state === undefined || state.endpoint !== endpoint) return undefined;
    const family = familyOf(address);
    if (options.forwarded) return state.forwarded?.[direction].get(family);
    return state.enforced[direction].get(address) ?? state.enforced[direction].get(family);
  }

  /** Everything that host endpoints are judged by. */
  *hostTables(): Generator<PeerTable> {
    for (const { endpoint, enforced, forwarded } of this.#states.values()) {
      if (endpoint.object.kind !== 'HostEndpoint') continue;
      for (const direction of DIRECTIONS)
        for (const { table } of [...enforced[direction].values(), ...(forwarded?.[direction].values() ?? [])]) yield table;
    }
  }

  /**
   * The program that the endpoint would have for one of its addresses if staged policies were enforced; undefined if none selects it.
   *
   * @param options.forwarded of a host endpoint: that for what passes through
   */
  stagedProgram(
    endpoint: LocalEndpoint,
    address: string,
    direction: Direction,
    { forwarded = false }: { forwarded?: boolean } = {},
  ): Program | undefined {
    const { member, object } = endpoint;
    if (!this.#policies.hasStaged(member, direction)) return undefined;
    const tiers = this.#tiersOf(endpoint, direction, { staged: true, forwarded });
    const isTold = !forwarded && member.addresses.includes(address);
    return program(tiers, direction, familyOf(address), {
      ...this.#sideOf(endpoint, isTold ? address : undefined),
      hasOthers: object.kind === 'HostEndpoint',
      defaultAction: forwarded ? PASSES : this.#defaultOf(endpoint, direction),
    });
  }

  #tiersOf({ object, member }: LocalEndpoint, direction: Direction, options: { staged: boolean; forwarded?: boolean }): Tiers | Closed {
    if (object.kind === 'Endpoint' && object.spec.waitsForLabels) return { reason: 'labels not known' };
    return this.#policies.tiersFor(member, direction, options);
  }

  #sideOf({ member }: LocalEndpoint, address: string | undefined): Pick<LocalSide, 'member' | 'address' | 'domainSet'> {
    return { member, address, domainSet: (domains) => this.#membership.domainSet(member, domains) };
  }

  #defaultOf({ object }: LocalEndpoint, direction: Direction): DefaultAction {
    return object.kind === 'Endpoint' ? this.#defaults.of(object, direction) : { rest: object.spec.defaultAction };
  }

  #settleInterface(name: string): boolean {
    const before = this.#states.get(name);
    // Two endpoints on one interface can only be an old one not yet gone; whichever it is, the choice must not depend on who came first.
    const [endpoint] = [...(this.#byInterface.get(name) ?? [])].sort((left, right) => (left.member.key < right.member.key ? -1 : 1));
    const after = endpoint === undefined ? undefined : this.#stateOf(endpoint);
    if (after === undefined) this.#states.delete(name);
    else this.#states.set(name, after);
    for (const [key, statement] of after?.statements ?? []) {
      if (before?.statements.get(key) === undefined) this.#table.set(statement);
      else if (statement.kind === 'element' && statement.verdict !== undefined) this.#table.set(statement);
    }
    for (const key of before?.statements.keys() ?? []) if (!after?.statements.has(key)) this.#table.delete(key);
    this.#bridgePorts.put(name, after);
    this.#localAddresses.put(name, endpoint);
    // A host asks DNS for itself: nothing is learnt for it, and what its rules allow by name stays closed.
    this.#dnsClients.put(name, endpoint?.object.kind === 'Endpoint' ? after?.enforced.Egress : undefined);
    if (before !== undefined) this.#release(before);
    // A container's interface carries nothing before it has its endpoint; a host's is open.
    if (before === undefined) return endpoint?.object.kind === 'HostEndpoint';
    return this.#mayHaveLost(before, after);
  }

  #mayHaveLost(before: InterfaceState, after: InterfaceState | undefined): boolean {
    if (after === undefined || before.endpoint.member.key !== after.endpoint.member.key) return true;
    if (before.endpoint.member.addresses.some((address) => !after.endpoint.member.addresses.includes(address))) return true;
    const isLess = (old: Entry | undefined, now: Entry | undefined) =>
      old !== undefined &&
      now !== undefined &&
      !sameVerdict(old.verdict, now.verdict) &&
      !sameVerdict(old.verdict, DENIED) &&
      now.verdict.kind !== 'return';
    return DIRECTIONS.some(
      (direction) =>
        isLess(before.entries[direction], after.entries[direction]) ||
        isLess(before.entries.forwarded?.[direction], after.entries.forwarded?.[direction]),
    );
  }

  #stateOf(endpoint: LocalEndpoint): InterfaceState {
    const enforced = bothDirections((direction) => this.#enforce(endpoint, direction));
    const forwarded =
      endpoint.object.kind === 'HostEndpoint' ? bothDirections((direction) => this.#enforceForwarded(endpoint, direction)) : undefined;
    const entries: Entries = {
      ...bothDirections((direction) => entryOf(direction, endpoint, enforced[direction])),
      ...(forwarded && { forwarded: bothDirections((direction) => groupEntry(direction, tablesOfOthers(forwarded[direction]))) }),
    };
    for (const chain of chainsOf(entries)) this.#structure.retain(chain);
    const statements = new Map(dispatchStatements(endpoint, entries).map((statement) => [statementKey(statement), statement]));
    return { endpoint, enforced, ...(forwarded && { forwarded }), entries, statements };
  }

  #release({ endpoint, enforced, forwarded, entries }: InterfaceState): void {
    const place = placeOf(endpoint.object);
    for (const direction of DIRECTIONS) {
      for (const { table } of enforced[direction].values()) this.#releaseTable(table, place);
      for (const { table } of forwarded?.[direction].values() ?? []) this.#releaseTable(table, place);
    }
    for (const chain of chainsOf(entries)) this.#structure.release(chain);
  }

  /**
   * Programs by local address; by the name of the family for addresses that nobody told of, which a host may have, and for a family that
   * a container has no address of.
   */
  #enforce(endpoint: LocalEndpoint, direction: Direction): Map<string, Enforced> {
    const { object, member } = endpoint;
    const tiers = this.#tiersOf(endpoint, direction, { staged: false });
    const defaultAction = this.#defaultOf(endpoint, direction);
    const hasOthers = object.kind === 'HostEndpoint';
    const enforced = new Map<string, Enforced>();
    for (const family of FAMILIES) {
      const own = addressesOf(member, family);
      for (const address of hasOthers ? [...own, undefined] : own.length === 0 ? [undefined] : own) {
        const local = { ...this.#sideOf(endpoint, address), hasOthers, defaultAction };
        enforced.set(address ?? family, this.#enforcedBy(program(tiers, direction, family, local), endpoint));
      }
    }
    return enforced;
  }

  /** Its own end is not the host's. */
  #enforceForwarded(endpoint: LocalEndpoint, direction: Direction): Map<string, Enforced> {
    const tiers = this.#policies.tiersFor(endpoint.member, direction, { staged: false, forwarded: true });
    const local = { ...this.#sideOf(endpoint, undefined), hasOthers: true, defaultAction: PASSES };
    return new Map(FAMILIES.map((family) => [family, this.#enforcedBy(program(tiers, direction, family, local), endpoint)]));
  }

  #enforcedBy(formed: Program, endpoint: LocalEndpoint): Enforced {
    return { program: formed, table: this.#acquireTable(formed, placeOf(endpoint.object)), endpoint };
  }

  #acquireTable(formed: Program, interfaceName: string): PeerTable {
    let shared = this.#tables.get(formed.name);
    if (shared === undefined) {
      const table = new PeerTable(formed, {
        membership: this.#membership,
        table: this.#table,
        structure: this.#structure,
        peerSets: this.#peerSets,
        manyPeers: this.#manyPeers,
        netsPerSet: this.#netsPerSet,
      });
      shared = { table, users: new Map() };
      this.#tables.set(formed.name, shared);
      for (const set of table.sets()) addTo(this.#tablesBySet, set, shared);
    }
    shared.users.set(interfaceName, (shared.users.get(interfaceName) ?? 0) + 1);
    return shared.table;
  }

  #releaseTable(table: PeerTable, interfaceName: string): void {
    const shared = this.#tables.get(table.program.name)!;
    const uses = shared.users.get(interfaceName)! - 1;
    if (uses > 0) shared.users.set(interfaceName, uses);
    else shared.users.delete(interfaceName);
    if (shared.users.size > 0) return;
    this.#tables.delete(table.program.name);
    for (const set of table.sets()) deleteFrom(this.#tablesBySet, set, shared);
    table.remove();
  }
}

function addressesOf(member: Member, family: Family): string[] {
  return member.addresses.filter((address) => familyOf(address) === family).sort();
}

function bothDirections<T>(of: (direction: Direction) => T): Record<Direction, T> {
  return { Ingress: of('Ingress'), Egress: of('Egress') };
}

function chainsOf({ Ingress, Egress, forwarded }: Entries): ChainStatement[] {
  return [Ingress, Egress, ...(forwarded === undefined ? [] : [forwarded.Ingress, forwarded.Egress])].flatMap(({ chains }) => chains);
}

/** For addresses that nobody told of. */
function tablesOfOthers(enforced: ReadonlyMap<string, Enforced>): TablesByFamily {
  return { IPv4: enforced.get('IPv4')!.table, IPv6: enforced.get('IPv6')!.table };
}

function entryOf(direction: Direction, { object, member }: LocalEndpoint, enforced: ReadonlyMap<string, Enforced>): Entry {
  const tables = (family: Family) => {
    const own = addressesOf(member, family);
    return (own.length === 0 ? [family] : own).map((address) => ({ family, address, table: enforced.get(address)!.table }));
  };
  const byFamily = { IPv4: tables('IPv4'), IPv6: tables('IPv6') };
  const isHost = object.kind === 'HostEndpoint';
  const first: TablesByFamily = isHost ? tablesOfOthers(enforced) : { IPv4: byFamily.IPv4[0]!.table, IPv6: byFamily.IPv6[0]!.table };
  const all = [...byFamily.IPv4, ...byFamily.IPv6];
  const usual = groupEntry(direction, first);
  if (all.every(({ family, table }) => table === first[family])) return usual;
  const own = all.filter(({ family, address }) => address !== family);
  return entryByLocalAddress(
    direction,
    own.map(({ family, address, table }) => ({ family, address, entry: groupEntry(direction, { ...first, [family]: table }) })),
    isHost ? usual : undefined,
  );
}
