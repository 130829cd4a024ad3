/**
 * Routes and tunnels of this host: what the objects call for (desired), what the kernel has (actual), and the difference, applied.
 *
 * The order lets no packet meet a gap. The link of the tunnels is there before any route takes it, and stays for a while after the last
 * one left it; a peer's entries are there before its routes and go after them; and as both ends take packets in either form at any
 * time, each host switches its routes by itself.
 */
import { GUARDED_PREFIX, OPEN_PREFIX } from '@weir/cni';
import { type Change, KernelError, type Netlink } from '@weir/kernel';
import { cidrContains, DEFAULT_IPAM_CONFIG, type Family, familyOf, type Host, type Pool, type VxlanEnd } from '@weir/resources';
import {
  BIRD_PROTOCOL,
  type BlockRoute,
  desiredRoutes,
  ensureTunnelDevice,
  isFlannelLink,
  type RouteFailure,
  RouteTable,
  RoutingError,
  type RoutingState,
  removeTunnelDevice,
  serviceRoutes,
  TUNNEL_LINK,
  TunnelPeers,
  tunnelMac,
  tunnelMtu,
  unusedRanges,
} from '@weir/routing';
import type { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { FlannelEnds } from '../flannel/flannel-ends.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { HeardLinks } from './heard-links.ts';

/** How long the link of the tunnels stays when no pool wants it any more: peers may still use it, in milliseconds. */
const TUNNEL_GRACE = 30_000;

/** What the kernel says of the network between the hosts. */
export interface Underlay {
  /** Of the interface with this host's address, or of those that lead to the others, in bytes; absent where that is not known. */
  mtu?: number;
  /** A flanneld leads to the hosts of a flannel network, which this host itself has not joined. */
  flanneld?: true;
}

const LOOPBACK = 'lo';

const VXLAN_SETTING = '"vxlan" of agent.yaml, on all hosts';

export class HostRouting {
  readonly #config: AgentConfig;
  readonly #state: ClusterState;
  readonly #netlink: Netlink;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #routes: RouteTable;
  readonly #peers: TunnelPeers;
  readonly #flannel: FlannelEnds | undefined;
  #tunnel: (VxlanEnd & { link: number }) | { problem: string } | undefined;
  #unwantedSince: number | undefined;
  #underlayMtu: number | undefined;
  #isFlanneldHere = false;
  #tunnelMtu: number | undefined;
  readonly #links = new HeardLinks();
  #dead: ReadonlySet<string> = new Set();

  /** @param of.flannel this host's ends of the flannel network that it has joined, if any */
  constructor(of: {
    config: AgentConfig;
    state: ClusterState;
    netlink: Netlink;
    log: Logger;
    metrics: Metrics;
    flannel?: FlannelEnds | undefined;
  }) {
    this.#flannel = of.flannel;
    this.#config = of.config;
    this.#state = of.state;
    this.#netlink = of.netlink;
    this.#log = of.log;
    this.#metrics = of.metrics;
    this.#routes = new RouteTable(of.netlink);
    this.#peers = new TunnelPeers(of.netlink);
  }

  /** What does not lead where it should, for people. */
  get problems(): string[] {
    const routes = this.#routes.failed.map(({ destination, reason }) => `route to ${destination}: ${reason}`);
    const ownTunnel = this.#tunnel !== undefined && 'problem' in this.#tunnel ? [`tunnels to other hosts: ${this.#tunnel.problem}`] : [];
    return [...ownTunnel, ...(this.#flannel?.problems ?? []), ...routes];
  }

  /** This host's end of the tunnels as the kernel has it; undefined where there is none to tell others of. */
  get tunnelEnd(): VxlanEnd | undefined {
    if (this.#tunnel === undefined || 'problem' in this.#tunnel) return undefined;
    const { link: _, ...end } = this.#tunnel;
    return end;
  }

  get underlay(): Underlay {
    return { ...(this.#underlayMtu !== undefined && { mtu: this.#underlayMtu }), ...(this.#isFlanneldHere && { flanneld: true }) };
  }

  /** Hosts that are taken for dead; in force with the next `apply`. */
  set dead(names: ReadonlySet<string>) {
    this.#dead = names;
  }

  /** Whether what the kernel tells of routes, tunnels and links to other hosts is as it should be, or none of our business. */
  isRight(change: Change): boolean {
    switch (change.type) {
      case 'route':
        return this.#routes.isRight(change.action, change.route);
      case 'neighbour':
      case 'forwarding':
        return this.#peers.isRight(change) && (this.#flannel?.isRight(change) ?? true);
      case 'link':
        return this.#isLinkRight(change) && (this.#flannel?.isRight(change) ?? true);
      case 'address':
        // Next hops may be on a link now, or no longer.
        return change.address.scope !== 'global';
      case 'lost':
        return false;
      default:
        return true;
    }
  }

  #isLinkRight({ action, link }: Extract<Change, { type: 'link' }>): boolean {
    if (link.name.startsWith(GUARDED_PREFIX) || link.name.startsWith(OPEN_PREFIX)) return true;
    if (link.name !== TUNNEL_LINK) return this.#links.isKnown({ action, link });
    return this.tunnelEnd === undefined || (action === 'set' && link.up && link.mtu === this.#tunnelMtu);
  }

  /** The next `apply` looks at the kernel again. */
  forgetActual(): void {
    this.#routes.forgetActual();
    this.#peers.forgetActual();
    this.#flannel?.forgetActual();
  }

  /**
   * Brings tunnels and routes in step with the objects. What one host or route lacks holds up no other. Throws KernelError.
   *
   * @returns what was done, in the words of ip
   */
  apply(): string[] {
    const [hosts, pools] = [[...this.#state.list('Host')], [...this.#state.list('Pool')]];
    const self = this.#state.host;
    this.#underlayMtu = self && this.#mtuOfUnderlay(self, hosts);
    this.#isFlanneldHere = this.#hasFlanneld(pools);
    const done = this.#bringTunnelInStep(self, pools);
    const { routes, peers } = desiredRoutes({
      self: this.#config.host,
      hosts,
      blocks: this.#state.list('Block'),
      pools,
      ...(this.#tunnel !== undefined && { tunnel: this.#tunnel }),
      dead: this.#dead,
      hasFlanneld: this.#isFlanneldHere,
      ...(pools.some(({ spec }) => spec.routes === 'Bgp') && { byBgp: this.#byBgp() }),
    });
    const toServices = this.#serviceRoutes(self);
    const announced = [...this.#state.list('BgpConfig')].flatMap(({ spec }) => spec.serviceAddresses);
    for (const route of [...toServices, ...unusedRanges(announced, toServices)]) routes.set(route.destination, route);
    const link = this.#tunnel !== undefined && 'link' in this.#tunnel ? this.#tunnel.link : undefined;
    if (link !== undefined) done.push(...this.#peers.add(link, peers.values()));
    const flannel = this.#flannel?.bring(this.#underlayMtu);
    done.push(...(flannel?.done ?? []), ...this.#applyRoutes(new Map([...routes, ...(flannel?.routes ?? [])])));
    if (link !== undefined) done.push(...this.#peers.removeSurplus());
    done.push(...(this.#flannel?.removeSurplus() ?? []));
    return done;
  }

  /** Its interface says so. Where it makes routes alone (`host-gw`), they lead as ours do. */
  #hasFlanneld(pools: readonly Pool[]): boolean {
    if (this.#flannel !== undefined || !pools.some(({ spec }) => spec.routes === 'Flannel')) return false;
    return this.#netlink.links().some(({ name }) => isFlannelLink(name));
  }

  #serviceRoutes(self: Host | undefined): BlockRoute[] {
    const [config] = this.#state.list('IpamConfig');
    const { serviceRanges: ranges } = config?.spec ?? DEFAULT_IPAM_CONFIG;
    return serviceRoutes({ services: this.#state.list('Service'), ranges, sources: self === undefined ? [] : this.#ownAddresses(self) });
  }

  #byBgp(): NonNullable<RoutingState['byBgp']> {
    const learnt = new Set(this.#netlink.routes({ protocol: BIRD_PROTOCOL }).map(({ destination }) => destination));
    const there = this.#routes.destinations();
    return { isLearnt: (destination) => learnt.has(destination), isThere: (destination) => there.has(destination) };
  }

  #applyRoutes(desired: ReadonlyMap<string, BlockRoute>): string[] {
    const known = new Set(this.#routes.failed.map(textOf));
    const { failed, done } = this.#routes.apply(desired);
    this.#metrics.routesFailed.set(failed.length);
    for (const failure of failed) {
      if (!known.has(textOf(failure))) this.#log.warn({ ...failure }, 'a route does not lead where it should; it is tried again');
    }
    return done;
  }

  #bringTunnelInStep(self: Host | undefined, pools: readonly Pool[]): string[] {
    if (!pools.some(wantsTunnels)) {
      if (this.#tunnel === undefined || 'problem' in this.#tunnel) this.#tunnel = undefined;
      else this.#unwantedSince ??= performance.now();
      return [];
    }
    this.#unwantedSince = undefined;
    const before = this.#tunnel;
    const address = self && underlayAddress(self, this.#config.vxlan.underlay);
    if (self === undefined || address === undefined) {
      // At its first start a host is not in the store yet.
      this.#tunnel = self && { problem: `this host has no ${this.#config.vxlan.underlay} address: set "addresses" of agent.yaml` };
      return [];
    }
    const { port, vni } = this.#config.vxlan;
    const end = { address, mac: tunnelMac(this.#config.host), port, vni, tunnelAddresses: self.spec.vxlan?.tunnelAddresses ?? [] };
    try {
      const carriesIPv6 = pools.some((pool) => wantsTunnels(pool) && familyOf(pool.spec.cidr) === 'IPv6');
      const mtu = tunnelMtu(this.#underlayMtu ?? 1500, { underlay: familyOf(address), carriesIPv6 });
      this.#tunnelMtu = mtu;
      const { link, done } = ensureTunnelDevice(this.#netlink, { ...end, name: TUNNEL_LINK, mtu, setting: VXLAN_SETTING });
      this.#tunnel = { ...end, link };
      return done.map((what) => `interface of the tunnels ${what}`);
    } catch (error) {
      if (!(error instanceof RoutingError || error instanceof KernelError)) throw error;
      this.#tunnel = { problem: error.message };
      if (before === undefined || !('problem' in before) || before.problem !== error.message)
        this.#log.error({ error: error.message }, 'there are no tunnels to other hosts; packets go without, where they can');
      return [];
    }
  }

  /** Removes the link of the tunnels when it was not wanted for a while. @returns whether it did */
  dropUnwantedTunnel(): boolean {
    if (this.#unwantedSince === undefined || performance.now() - this.#unwantedSince < TUNNEL_GRACE) return false;
    this.#unwantedSince = undefined;
    this.#tunnel = undefined;
    this.#peers.forgetActual();
    return removeTunnelDevice(this.#netlink, TUNNEL_LINK);
  }

  /** The largest packets that reach every host of the cluster from these addresses, in bytes; undefined where the link to the others is not known. */
  mtuFor(addresses: readonly string[]): number | undefined {
    if (this.#underlayMtu === undefined) return undefined;
    const pools = [...this.#state.list('Pool')].filter(({ spec }) => addresses.some((address) => cidrContains(spec.cidr, address)));
    if (pools.some(({ spec }) => spec.routes === 'Flannel')) return this.#flannel?.mtu ?? this.#underlayMtu;
    if (!pools.some(wantsTunnels)) return this.#underlayMtu;
    const carriesIPv6 = addresses.some((address) => familyOf(address) === 'IPv6');
    return tunnelMtu(this.#underlayMtu, { underlay: this.#underlayFamily, carriesIPv6 });
  }

  get #underlayFamily(): Family {
    return this.tunnelEnd === undefined ? (this.#config.vxlan.underlay ?? 'IPv4') : familyOf(this.tunnelEnd.address);
  }

  /** Those of its object that it has. */
  #ownAddresses({ spec }: Pick<Host, 'spec'>): { address: string; link: number }[] {
    const all = this.#netlink.addresses().map(({ cidr, link }) => ({ address: cidr.slice(0, cidr.indexOf('/')), link }));
    return all.filter(({ address }) => spec.addresses.includes(address));
  }

  /** An address of the loopback, which routing protocols announce, says nothing of the links that lead to the others. */
  #mtuOfUnderlay({ spec }: Host, hosts: readonly Host[]): number | undefined {
    const links = [...new Set(this.#ownAddresses({ spec }).map(({ link }) => link))].flatMap((link) => this.#netlink.link(link) ?? []);
    const names = links.some(({ name }) => name === LOOPBACK) ? this.#linksTowards(hosts) : [];
    const sizes = [...links, ...names.flatMap((name) => this.#netlink.link(name) ?? [])].flatMap(({ name, mtu }) =>
      name === LOOPBACK ? [] : [mtu],
    );
    return sizes.length === 0 ? undefined : Math.min(...sizes);
  }

  #linksTowards(hosts: readonly Host[]): string[] {
    return [...new Set(hosts.flatMap(({ spec }) => spec.addresses).flatMap((address) => this.#netlink.linkTowards(address) ?? []))];
  }
}

export const wantsTunnels = ({ spec }: Pool): boolean => spec.vxlan !== 'Never';

function underlayAddress({ spec: { addresses } }: Host, family: Family | undefined): string | undefined {
  const of = (wanted: Family) => addresses.find((address) => familyOf(address) === wanted);
  return family === undefined ? (of('IPv4') ?? of('IPv6')) : of(family);
}

const textOf = ({ destination, reason }: RouteFailure): string => `${destination} ${reason}`;
