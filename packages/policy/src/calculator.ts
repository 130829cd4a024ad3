import {
  type AnyObject,
  DEFAULT_IPAM_CONFIG,
  type Direction,
  type Endpoint,
  familyOf,
  type GlobalNetworkSet,
  type GlobalPolicy,
  type Host,
  type HostEndpoint,
  type IpamConfig,
  type Kind,
  keyOf,
  type Labels,
  type Namespace,
  type NetworkSet,
  namespaceLabels,
  type ObjectId,
  type Policy,
  type Pool,
  parseKey,
  type RemoteCluster,
  type RemoteEndpoint,
  type Service,
  spaceOf,
  type Tier,
} from '@weir/resources';
import { endpointHere } from './endpoint/endpoint-here.ts';
import type { Enforced } from './endpoint/enforced.ts';
import { Enforcement } from './endpoint/enforcement.ts';
import { HostEndpoints } from './endpoint/host-endpoints.ts';
import { type AtHost, type Decision, type Judges, judge, permits, permitsAtHost, trafficAtHost } from './explanation/decision.ts';
import { type ExplainedStep, type Explanation, explain, explainAtHost } from './explanation/explanation.ts';
import type { Member } from './membership/member.ts';
import { endpointMember, networkSetMember, ofThisCluster } from './membership/member-of.ts';
import { Membership } from './membership/membership.ts';
import { endpointParty, NetworkSetNames, type Party } from './membership/parties.ts';
import { RemotePeers } from './membership/remote-peers.ts';
import { type NotedChange, NotedChanges } from './noted-changes.ts';
import { MANY_PEERS } from './peers/many-peers.ts';
import { NETS_PER_SET } from './peers/net-list.ts';
import { NetworkSets } from './peers/network-sets.ts';
import type { PeerTable } from './peers/peer-table.ts';
import { type Flow, parseFlow } from './program/flow.ts';
import { NamespaceDefaults } from './program/namespace-defaults.ts';
import { PolicyIndex } from './program/policy-index.ts';
import { type AllowedTraffic, allowedAt } from './program/traffic-class.ts';
import { labelledNamespace, setsOfUnreadableNamespace } from './program/unreadable-namespace.ts';
import { unreadableSet } from './program/unreadable-set.ts';
import { HostPorts } from './services/host-ports.ts';
import { Services, type UdpSockets } from './services/services.ts';
import { Claims } from './statements/claims.ts';
import { SharedStructure, Table, type TableChange } from './statements/table.ts';

/** What turns the tables of the previous flush into those wanted now. */
export interface DataplaneChange extends TableChange {
  /** Of the table of the bridge family; the rest is of the table of the family inet. */
  bridge: TableChange;
  /** Host interfaces whose endpoints may have lost a permission, or have gone: their established flows are to be judged again. */
  narrowed: Set<string>;
  /** Flows of UDP never end by themselves: those of services that changed have to lead to one of the targets that these have now. */
  udpSockets: UdpSockets;
}

/** Kinds that may forbid something, so that without them nothing may be let through. */
const CLOSING: readonly Kind[] = [
  'Policy',
  'GlobalPolicy',
  'Namespace',
  'Tier',
  'NetworkSet',
  'GlobalNetworkSet',
  'Service',
  'HostEndpoint',
];

export interface Standing {
  /** It is of a pool or a host. */
  isOfCluster: boolean;
  /** CIDR of the private pool that it is of: only the cluster reaches it. */
  privatePool: string | undefined;
}

/**
 * From resources to the desired nftables table of one host. Pure: takes objects in, gives statements out.
 *
 * Changes are taken in by `upsert` and `remove`, which only note them, and worked off by `flush`, at a cost that goes by the size of the
 * change. The same objects end in the same table, whatever came before and in whatever order.
 */
export class PolicyCalculator {
  readonly #host: string | undefined;
  readonly #space: string | undefined;
  readonly #noted = new NotedChanges();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #table = new Table();
  readonly #bridgeTable = new Table();
  readonly #networks = new NetworkSets(this.#table);
  readonly #setNames = new NetworkSetNames();
  readonly #remote = new RemotePeers();
  readonly #membership: Membership;
  readonly #policies: PolicyIndex;
  readonly #defaults: NamespaceDefaults;
  readonly #enforcement: Enforcement;
  readonly #hostEndpoints: HostEndpoints;
  readonly #hostPorts: HostPorts;
  readonly #services: Services;
  readonly #hosts = new Map<string, Host>();
  #narrowed = new Set<string>();
  #isSettled = true;
  readonly #netsPerSet: number;

  /**
   * @param options.host name of the Host whose endpoints the table is for. Absent: those of all hosts are judged, each by its own host's
   * exemptions; the tables are then for no kernel
   * @param options.space name of the network whose own address space they are in; absent: the shared one. Endpoints, pools and hosts of
   * other spaces are nobody here: their addresses may be the same
   * @param options.manyPeers see `MANY_PEERS`, its default
   * @param options.netsPerSet see `NETS_PER_SET`, its default; a network set of more has its single addresses among its nets
   */
  constructor(options: { host?: string; space?: string | undefined; manyPeers?: number; netsPerSet?: number } = {}) {
    this.#host = options.host;
    this.#space = options.space;
    this.#netsPerSet = options.netsPerSet ?? NETS_PER_SET;
    const labels = (namespace: string): Labels => namespaceLabels(namespace, this.#namespaces.get(namespace));
    this.#membership = new Membership(
      {
        addressChanged: (set, address) => this.#enforcement.addressChanged(set, address),
        netsChanged: (set, ranges) => this.#enforcement.netsChanged(set, ranges),
      },
      labels,
    );
    this.#policies = new PolicyIndex(this.#membership, labels, (named) => this.#services.specOf(named));
    this.#defaults = new NamespaceDefaults(this.#membership);
    const claims = new Claims(this.#table);
    this.#hostPorts = new HostPorts(claims);
    this.#services = new Services({
      table: this.#table,
      claims,
      structure: new SharedStructure(this.#table),
      membership: this.#membership,
    });
    this.#enforcement = new Enforcement({
      membership: this.#membership,
      policies: this.#policies,
      defaults: this.#defaults,
      table: this.#table,
      bridgeTable: this.#bridgeTable,
      manyPeers: options.manyPeers ?? MANY_PEERS,
      netsPerSet: this.#netsPerSet,
    });
    this.#hostEndpoints = new HostEndpoints({
      host: options.host,
      membership: this.#membership,
      policies: this.#policies,
      enforcement: this.#enforcement,
    });
  }

  /** Takes an object in, new or changed. It has to be as `parseObject` gives it. Kinds that policy does not depend on are ignored. */
  upsert(object: AnyObject): void {
    const { kind, metadata } = object;
    const { name, namespace } = metadata;
    this.#noted.note({ id: { kind, ...(namespace !== undefined && { namespace }), name }, object });
  }

  /**
   * Takes note of an object that is there and cannot be read. The endpoints that a policy is for, as far as that can be read, and those of a
   * namespace are closed, which keeps its labels as far as these can be read, and else counts as one with network sets that cannot be read for who
   * asks by labels of namespaces; a tier is as if it were not there, which closes the endpoints of its policies. So does a network set with those of
   * policies that forbid by it; otherwise it is as it was. A host endpoint is closed where it was or, if it was not yet, where it says or its
   * name does. Of other kinds the form before stays.
   *
   * @param value what the store has, parsed as JSON as far as it is JSON
   */
  upsertInvalid(id: ObjectId, value: unknown): void {
    if (CLOSING.includes(id.kind)) this.#noted.note({ id, invalid: { value } });
  }

  remove(kind: Kind, name: string, namespace?: string): void {
    this.#noted.note({ id: { kind, ...(namespace !== undefined && { namespace }), name } });
  }

  /**
   * Takes in what DNS told an endpoint of this host: the addresses of a name, in the place of those before; none, when they are no longer
   * good. It is kept, for rules with domains that come later, until the endpoint is removed.
   *
   * @param endpointKey as `keyOf` gives it; the endpoint may not be known yet
   * @param name canonical; addresses too
   */
  resolved(endpointKey: string, name: string, addresses: readonly string[]): void {
    this.#settleObjects();
    this.#membership.putResolved(endpointKey, name, addresses);
    this.#isSettled = false;
  }

  /** Takes note of the addresses of a flannel network's hosts, other than this one, from which alone its tunnels come. */
  flannelHosts(addresses: Iterable<string>): void {
    this.#networks.putFlannelHosts(addresses);
  }

  /** What has changed in the desired tables since the last flush; at first, the whole of them. */
  flush(): DataplaneChange {
    this.#settle();
    const narrowed = this.#narrowed;
    this.#narrowed = new Set();
    const udpSockets = this.#services.takeUdpChange();
    return { ...this.#table.takeChange(), bridge: this.#bridgeTable.takeChange(), narrowed, udpSockets };
  }

  /**
   * Whether a flow may begin, judged by the programs that the table is made of: as egress of the endpoint of this host that has the
   * source address, then as ingress of the one that has the destination. A flow between strangers is allowed.
   *
   * @throws PolicyError EFLOW
   */
  decide(flow: Flow): Decision {
    return judge(flow, this.#judges());
  }

  /**
   * Whether `decide` would say Allow, for many flows: it names no rule, and so costs the same for any number of them.
   *
   * @throws PolicyError EFLOW
   */
  allows(flow: Flow): boolean {
    return permits(flow, this.#judges());
  }

  /**
   * Whether the host's own endpoints let a flow pass through the host, which is neither's end.
   *
   * @param by interfaces that its packets come in and go out by; undefined where that is not known
   * @throws PolicyError EFLOW
   */
  allowsThrough(flow: Flow, by: { in: string | undefined; out: string | undefined }): boolean {
    this.#settle();
    const parsed = parseFlow(flow);
    const family = familyOf(parsed.source);
    const allows = (interfaceName: string | undefined, direction: Direction, peer: string): boolean => {
      // A container's own interface is not the host's.
      if (interfaceName === undefined || this.#enforcement.isContainer(peer)) return true;
      const table = this.#enforcement.forwardedThrough(interfaceName, direction, family);
      return table === undefined || allowedAt(table.classAt(peer), parsed);
    };
    return allows(by.in, 'Ingress', parsed.source) && allows(by.out, 'Egress', parsed.destination);
  }

  /**
   * As {@link decide}, for both ends whatever the first says, with every policy and rule on the way.
   *
   * @throws PolicyError EFLOW
   */
  explain(flow: Flow): Explanation {
    return explain(flow, { ...this.#judges(), policies: this.#policies, networks: this.#networks });
  }

  /**
   * What a host endpoint says of a flow, with every policy and rule on the way. {@link explain} asks those that have an address of the
   * flow; here it is the caller who knows by which interfaces the flow goes. Undefined where it is not asked.
   *
   * @throws PolicyError EFLOW
   */
  explainAtHost(flow: Flow, at: AtHost): ExplainedStep | undefined {
    return explainAtHost(flow, at, { ...this.#judges(), policies: this.#policies });
  }

  /** The verdict of {@link explainAtHost} alone, for many flows. */
  allowsAtHost(flow: Flow, at: AtHost): boolean {
    return permitsAtHost(parseFlow(flow), at, this.#judges());
  }

  /**
   * Everything that a host endpoint lets through between an address of its own side of the flow and one beyond; undefined where it is not
   * asked.
   */
  trafficAtHost(at: AtHost, ends: { local: string; peer: string }): AllowedTraffic | undefined {
    return trafficAtHost(at, ends, this.#judges());
  }

  /** What host endpoints are judged by: addresses that none of these tells apart are the same to every host. */
  hostTables(): Set<PeerTable> {
    this.#settle();
    return new Set(this.#enforcement.hostTables());
  }

  /** The program of the endpoint that has an address, and what it comes to for each peer. */
  enforcedAt(address: string, direction: Direction): Enforced | undefined {
    return this.#judges().enforcedAt(address, direction);
  }

  /** What the base chains let or do not let reach each other, whatever policy says. */
  standingOf(address: string): Standing {
    this.#settle();
    return { isOfCluster: this.#networks.isOfCluster(address), privatePool: this.#networks.privatePool(address) };
  }

  /** Who has an address: see {@link Party}. */
  partyAt(address: string): Party {
    this.#settle();
    // A host endpoint's is told of as the host's.
    const member = [...this.#membership.membersAt(address)].find(({ namespace }) => namespace !== undefined);
    const hostKey = this.#networks.hostAt(address);
    const networkSets = this.#setNames.at(address);
    return {
      address,
      ...(member !== undefined && { endpoint: endpointParty(member) }),
      ...(hostKey !== undefined && { host: parseKey(hostKey)!.name }),
      ...(networkSets.length > 0 && { networkSets }),
    };
  }

  /** The network sets and services that cannot be read and that a policy forbids by, so that it cannot be in force and closes its endpoints. */
  unreadableFor(policy: Policy | GlobalPolicy): ObjectId[] {
    this.#settle();
    return [...this.#policies.unreadableFor(keyOf(policy))].map((key) => parseKey(key)!);
  }

  #judges(): Judges {
    this.#settle();
    return {
      enforcedAt: (address, direction) => this.#enforcement.enforcedAt(address, direction),
      hostEnforced: (name, direction, address, options) => {
        const member = this.#membership.member(keyOf({ kind: 'HostEndpoint', metadata: { name } }));
        return member && this.#enforcement.hostEnforced(member, direction, address, options);
      },
      stagedProgram: (endpoint, address, direction, options) => this.#enforcement.stagedProgram(endpoint, address, direction, options),
      isOnHost: (address, host) => this.#enforcement.isOnHost(address, host),
      membership: this.#membership,
      hosts: this.#hosts,
    };
  }

  #settle(): void {
    this.#settleObjects();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#services.settle();
    this.#narrowed = this.#narrowed.union(this.#enforcement.settle());
    this.#policies.releaseReplaced();
    this.#defaults.releaseReplaced();
  }

  /** In the order in which they came: what DNS told an endpoint that goes is to go with it. */
  #settleObjects(): void {
    if (this.#noted.size === 0) return;
    this.#noted.workOff((key, change) => this.#apply(key, change));
    this.#isSettled = false;
  }

  #apply(key: string, { id, object, invalid }: NotedChange): void {
    switch (id.kind) {
      case 'Namespace':
        this.#applyNamespace(
          id.name,
          invalid === undefined ? (object as Namespace | undefined) : labelledNamespace(id.name, invalid.value),
        );
        this.#changed(invalid === undefined ? this.#policies.put(key, undefined) : this.#policies.putInvalid(key, id, invalid.value));
        this.#changed(this.#policies.putUnreadableSet(key, invalid && setsOfUnreadableNamespace(id.name, invalid.value)));
        break;
      case 'Endpoint':
        this.#applyEndpoint(
          key,
          this.#within(object as Endpoint | undefined, (endpoint) => spaceOf(endpoint.spec)),
        );
        break;
      case 'HostEndpoint':
        if (invalid === undefined) {
          const { member, local } = this.#hostEndpoints.put(key, this.#within(object as HostEndpoint | undefined));
          this.#replaceEndpoint(key, member, local);
        } else if (this.#space === undefined) {
          const { member, local } = this.#hostEndpoints.close(key, id, invalid.value);
          this.#replaceEndpoint(key, member, local);
        }
        break;
      case 'NetworkSet':
      case 'GlobalNetworkSet':
        this.#changed(this.#policies.putUnreadableSet(key, invalid && unreadableSet(id, invalid.value)));
        if (invalid === undefined) this.#applyNetworkSet(key, object as NetworkSet | GlobalNetworkSet | undefined);
        break;
      case 'Service':
        this.#changed(this.#policies.putUnreadableService(key, id, invalid !== undefined));
        if (invalid === undefined) {
          this.#applyService(key, id, this.#within(object as Service | undefined));
        }
        break;
      case 'IpamConfig':
        this.#services.putRanges((object as IpamConfig | undefined)?.spec.serviceRanges ?? DEFAULT_IPAM_CONFIG.serviceRanges);
        break;
      case 'Tier':
        this.#changed(this.#policies.putTier(id.name, object as Tier | undefined));
        break;
      case 'Policy':
      case 'GlobalPolicy':
        this.#changed(
          invalid === undefined
            ? this.#policies.put(key, object as Policy | GlobalPolicy | undefined)
            : this.#policies.putInvalid(key, id, invalid.value),
        );
        break;
      case 'Host':
        this.#applyHost(key, id.name, this.#within(object as Host | undefined));
        break;
      case 'Pool': {
        const pool = this.#within(object as Pool | undefined, ({ spec }) => spec.network);
        this.#networks.putPool(key, pool);
        this.#remoteChanged(this.#remote.putPool(key, pool));
        break;
      }
      case 'RemoteCluster': {
        const cluster = this.#within(object as RemoteCluster | undefined);
        this.#networks.putCluster(id.name, cluster);
        this.#remoteChanged(this.#remote.putCluster(id.name, cluster));
        break;
      }
      case 'RemoteEndpoint':
        this.#remote.putEndpoint(key, object as RemoteEndpoint | undefined);
        this.#remoteChanged([key]);
        break;
    }
  }

  /** Undefined also for what is of another address space. */
  #within<T>(object: T | undefined, spaceIn: (object: T) => string | undefined = () => undefined): T | undefined {
    return object !== undefined && spaceIn(object) === this.#space ? object : undefined;
  }

  #applyService(key: string, { namespace, name }: ObjectId, object: Service | undefined): void {
    const named = { namespace: namespace!, name };
    const before = this.#services.specOf(named);
    this.#services.put(key, object);
    if (JSON.stringify(before) !== JSON.stringify(object?.spec)) this.#changed(this.#policies.serviceChanged(named));
  }

  #applyHost(key: string, name: string, object: Host | undefined): void {
    if (object === undefined) this.#hosts.delete(name);
    else this.#hosts.set(name, object);
    this.#networks.putHost(key, object);
  }

  #changed(endpoints: Iterable<Member>): void {
    for (const endpoint of endpoints) this.#enforcement.endpointChanged(endpoint);
  }

  #applyNamespace(name: string, object: Namespace | undefined): void {
    const before = this.#namespaces.get(name);
    if (object === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, object);
    const labels = namespaceLabels(name, before);
    this.#membership.namespaceChanged(name, labels);
    this.#changed(this.#policies.namespaceChanged(name, labels));
    if (this.#defaults.put(name, object)) this.#changed(this.#membership.inNamespace(name));
    if (JSON.stringify(before?.spec.labelsToApply) === JSON.stringify(object?.spec.labelsToApply)) return;
    for (const member of [...this.#membership.inNamespace(name)]) {
      if (member.ownLabels === undefined || member.cluster !== undefined) continue;
      const local = this.#enforcement.localEndpoint(member);
      this.#replaceEndpoint(member.key, { ...member, labels: ofThisCluster(this.#labelsOf(name, member.ownLabels)) }, local?.object);
    }
  }

  #applyEndpoint(key: string, object: Endpoint | undefined): void {
    const local = endpointHere(this.#host, key, object);
    this.#hostPorts.put(key, this.#host === undefined ? undefined : local);
    this.#services.putEndpoint(key, object, this.#host !== undefined && local !== undefined);
    this.#replaceEndpoint(
      key,
      object && endpointMember(key, object, this.#labelsOf(object.metadata.namespace!, object.metadata.labels)),
      local,
    );
  }

  /** Those of other clusters are peers, and nothing else. */
  #remoteChanged(keys: Iterable<string>): void {
    for (const key of keys) {
      const found = this.#remote.member(key);
      if (found === undefined && this.#membership.member(key) === undefined) continue;
      this.#services.putRemote(key, found?.endpoint);
      this.#applyMember(key, found?.member);
    }
  }

  /** @param local the object, if it is an endpoint of this host */
  #replaceEndpoint(key: string, member: Member | undefined, local: Endpoint | HostEndpoint | undefined): void {
    const before = this.#membership.member(key);
    if (before !== undefined && this.#enforcement.localEndpoint(before) !== undefined) {
      this.#policies.deleteEndpoint(before);
      this.#enforcement.deleteEndpoint(before);
    }
    if (local !== undefined && member !== undefined) {
      this.#policies.addEndpoint(member);
      this.#enforcement.addEndpoint({ object: local, member });
    }
    this.#applyMember(key, member);
  }

  #applyNetworkSet(key: string, object: NetworkSet | GlobalNetworkSet | undefined): void {
    const member = object && networkSetMember(key, object, this.#netsPerSet);
    this.#setNames.put(key, member);
    this.#applyMember(key, member);
  }

  #applyMember(key: string, member: Member | undefined): void {
    const { before, after } = this.#membership.put(key, member);
    this.#services.membersChanged(before);
    this.#services.membersChanged(after);
  }

  #labelsOf(namespace: string, ownLabels: Labels): Labels {
    const inherited = this.#namespaces.get(namespace)?.spec.labelsToApply;
    return inherited === undefined ? ownLabels : { ...inherited, ...ownLabels };
  }
}
