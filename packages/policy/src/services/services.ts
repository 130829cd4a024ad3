import {
  addressFromNumber,
  backendAddresses,
  cidrContains,
  cidrRange,
  DEFAULT_IPAM_CONFIG,
  type Endpoint,
  type Family,
  familyOf,
  isReady,
  keyOf,
  parseSelector,
  type RemoteEndpoint,
  type Service,
  type ServicePort,
  type ServiceSpec,
  serviceAddresses,
  targetPortOf,
} from '@weir/resources';
import type { Member } from '../membership/member.ts';
import type { MemberSet } from '../membership/member-set.ts';
import type { Membership } from '../membership/membership.ts';
import { addTo, deleteFrom } from '../membership/multimap.ts';
import { endpointsScope } from '../membership/scope.ts';
import type { Claims } from '../statements/claims.ts';
import { addressType, type ChainStatement, type KeyField, type Statement, statementKey } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';
import { farElement, hairpinElement, type ServiceSocket, socketStatements, type Target, targetText } from './service-statements.ts';

/** Sockets of UDP by some name, as they are now; undefined: it is no service's any more. */
export type UdpSockets = Map<string, ServiceSocket | undefined>;

interface Known {
  service: Service;
  /** Of its selector. */
  set?: MemberSet;
  /** Its sockets, by name. */
  sockets: ReadonlyMap<string, ServiceSocket>;
}

/**
 * Virtual addresses in the table: which service each is, and to whom it leads. A change of an endpoint costs by the services that select it
 * and the number of their backends.
 */
export class Services {
  readonly #table: Table;
  readonly #claims: Claims;
  readonly #structure: SharedStructure;
  readonly #membership: Membership;
  readonly #known = new Map<string, Known>();
  readonly #bySet = new Map<MemberSet, Set<string>>();
  readonly #unready = new Set<string>();
  readonly #local = new Set<string>();
  readonly #changed = new Set<string>();
  /** By socket, the services that have it: two only when somebody wrote past their admission, and then the first by name has it. */
  readonly #holders = new Map<string, Set<string>>();
  /** By socket, what of it is in the table: its elements, and the chain that these name. */
  readonly #placed = new Map<string, { chain: ChainStatement | undefined; keys: readonly string[] }>();
  #ranges: readonly string[] = DEFAULT_IPAM_CONFIG.serviceRanges;
  #udp: UdpSockets = new Map();

  constructor(of: { table: Table; claims: Claims; structure: SharedStructure; membership: Membership }) {
    this.#table = of.table;
    this.#claims = of.claims;
    this.#structure = of.structure;
    this.#membership = of.membership;
  }

  /** @param key as of `keyOf`; @param service undefined when it is no longer there */
  put(key: string, service: Service | undefined): void {
    const before = this.#known.get(key);
    const { selector } = service?.spec ?? {};
    const set =
      selector === undefined ? undefined : this.#membership.acquire(parseSelector(selector), endpointsScope(service!.metadata.namespace!));
    if (set !== undefined) addTo(this.#bySet, set, key);
    if (before?.set !== undefined) {
      if (before.set !== set) deleteFrom(this.#bySet, before.set, key);
      this.#membership.release(before.set);
    }
    this.#changed.add(key);
    if (service !== undefined) {
      this.#known.set(key, { service, ...(set && { set }), sockets: before?.sockets ?? new Map() });
      return;
    }
    this.#known.delete(key);
    this.#claims.put(key, []);
    for (const name of before?.sockets.keys() ?? []) {
      deleteFrom(this.#holders, name, key);
      this.#place(name);
    }
  }

  specOf({ namespace, name }: { namespace: string; name: string }): ServiceSpec | undefined {
    return this.#known.get(keyOf({ kind: 'Service', metadata: { namespace, name } }))?.service.spec;
  }

  /** Takes note of what services have to know of an endpoint beside its addresses and ports. */
  putEndpoint(key: string, endpoint: Endpoint | undefined, isLocal: boolean): void {
    setTo(this.#unready, key, endpoint !== undefined && !isReady(endpoint.spec));
    setTo(this.#local, key, endpoint !== undefined && isLocal);
  }

  /** As {@link putEndpoint}, of an endpoint of another cluster. */
  putRemote(key: string, endpoint: RemoteEndpoint | undefined): void {
    setTo(this.#unready, key, endpoint?.spec.ready === false);
  }

  /** To be called with the sets that an endpoint was in before it changed, and with those that it is in. */
  membersChanged(sets: Iterable<MemberSet>): void {
    if (this.#bySet.size === 0) return;
    for (const set of sets) for (const key of this.#bySet.get(set) ?? []) this.#changed.add(key);
  }

  putRanges(ranges: readonly string[]): void {
    this.#ranges = ranges;
    for (const key of this.#known.keys()) this.#changed.add(key);
  }

  /** Brings the table in step with all that was put. */
  settle(): void {
    for (const key of this.#changed) {
      const known = this.#known.get(key);
      if (known !== undefined) this.#calculate(key, known);
    }
    this.#changed.clear();
  }

  /** What has changed since the last call of where flows of UDP may lead. */
  takeUdpChange(): UdpSockets {
    const udp = this.#udp;
    this.#udp = new Map();
    return udp;
  }

  #calculate(key: string, known: Known): void {
    const { service, set } = known;
    const members = set === undefined ? [] : [...set.members];
    const ready = members.filter((member) => !this.#unready.has(member.key));
    const addresses = serviceAddresses(service);
    const sockets = new Map(socketsOf(service, addresses, ready).map((socket) => [socketName(socket), socket]));
    const before = known.sockets;
    known.sockets = sockets;
    for (const name of new Set([...before.keys(), ...sockets.keys()])) {
      if (sockets.has(name)) addTo(this.#holders, name, key);
      else deleteFrom(this.#holders, name, key);
      this.#place(name);
    }
    const here = ready.filter((member) => this.#local.has(member.key));
    this.#claims.put(key, [
      ...this.#rangesOf(addresses).map(rangeElement),
      ...here.flatMap((member) => backendAddresses(member.addresses).map(hairpinElement)),
      ...this.#farElements(service, ready),
    ]);
  }

  /** Puts in the table what a socket of some name leads to. */
  #place(name: string): void {
    const [holder] = [...(this.#holders.get(name) ?? [])].sort();
    const socket = holder === undefined ? undefined : this.#known.get(holder)!.sockets.get(name)!;
    const { chain, elements } = socket === undefined ? { elements: [] } : socketStatements(socket);
    const before = this.#placed.get(name);
    if (chain !== undefined) this.#structure.retain(chain);
    const keys = elements.map(statementKey);
    const wanted = new Set(keys);
    for (const key of before?.keys ?? []) if (!wanted.has(key)) this.#table.delete(key);
    for (const element of elements) this.#table.set(element);
    if (before?.chain !== undefined) this.#structure.release(before.chain);
    if (elements.length > 0) this.#placed.set(name, { chain, keys });
    else this.#placed.delete(name);
    if (name.startsWith('UDP')) this.#udp.set(name, socket);
  }

  /** Only flows by a port of the host come from where an answer would not find back through here. */
  #farElements(service: Service, ready: readonly Member[]): Statement[] {
    const far = ready.filter(({ key }) => !this.#local.has(key));
    return service.spec.ports
      .filter(({ hostPort }) => hostPort !== undefined)
      .flatMap((port) => targetsOf(service, port, far).map((target) => farElement(target, port.protocol)));
  }

  #rangesOf(addresses: readonly string[]): string[] {
    return this.#ranges.filter((range) => addresses.some((address) => cidrContains(range, address)));
  }
}

/** Each port at each virtual address and, where it has one, at the hosts; the latter in the families that there is a target of. */
function socketsOf(service: Service, addresses: readonly string[], ready: readonly Member[]): ServiceSocket[] {
  const families: readonly Family[] = ['IPv4', 'IPv6'];
  return service.spec.ports.flatMap((port): ServiceSocket[] => {
    const targets = targetsOf(service, port, ready);
    const { protocol, hostPort } = port;
    const inFamily = (family: Family) => ({
      family,
      protocol,
      affinity: service.spec.sessionAffinity,
      targets: targets.filter(({ address }) => familyOf(address) === family),
    });
    const virtual = addresses.map((address) => ({ ...inFamily(familyOf(address)), address, port: port.port }));
    if (hostPort === undefined) return virtual;
    const ofHosts = families.map((family) => ({ ...inFamily(family), port: hostPort })).filter((socket) => socket.targets.length > 0);
    return [...virtual, ...ofHosts];
  });
}

function targetsOf({ spec }: Service, port: ServicePort, members: readonly Member[]): Target[] {
  const found = new Map<string, Target>();
  const add = (address: string, targetPort: number | undefined) => {
    if (targetPort === undefined) return;
    const target = { address, port: targetPort };
    found.set(targetText(target), target);
  };
  for (const { addresses, ports } of members) for (const address of backendAddresses(addresses)) add(address, targetPortOf(port, ports));
  for (const address of spec.backends ?? []) add(address, targetPortOf(port, []));
  return [...found.values()];
}

/** `TCP 11.0.0.1 80`, `UDP IPv6 53` for a port of the hosts: tells sockets apart. */
function socketName({ protocol, address, family, port }: ServiceSocket): string {
  return `${protocol} ${address ?? family} ${port}`;
}

function rangeElement(range: string): Statement {
  const { family, first, last } = cidrRange(range);
  const field = (number: bigint): KeyField[] => [{ type: addressType(family), value: addressFromNumber(number, family) }];
  return { kind: 'element', set: family === 'IPv4' ? 'service_range4' : 'service_range6', key: field(first), to: field(last) };
}

function setTo(set: Set<string>, key: string, isIn: boolean): void {
  if (isIn) set.add(key);
  else set.delete(key);
}
