/** This host's ends of a flannel network in the kernel: its VXLAN interfaces, what they know of the others, and the routes that take them. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Change, KernelError, type Netlink } from '@weir/kernel';
import { cidrContains, cidrRange, type Family, type FlannelLease, familyOf, type HostSpec } from '@weir/resources';
import {
  type BlockRoute,
  ensureTunnelDevice,
  type FlannelEnd,
  flannelLink,
  flannelMac,
  flannelRoutes,
  gatewayIn,
  isFlannelLink,
  RoutingError,
  removeTunnelDevice,
  subnetFile,
  TUNNEL_OVERHEAD,
  TunnelPeers,
  vtepAddress,
} from '@weir/routing';
import type { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { FlannelMembership, Joined } from './membership.ts';

const SETTING = "Backend of flannel's configuration in etcd";
const UNKNOWN_MTU = 1500;

export class FlannelEnds {
  readonly #config: AgentConfig;
  readonly #membership: FlannelMembership;
  readonly #state: ClusterState;
  readonly #netlink: Netlink;
  readonly #log: Logger;
  readonly #peers: Record<Family, TunnelPeers>;
  #links: Partial<Record<Family, number>> = {};
  /** Names of interfaces that the network's configuration asks for, … */
  #wanted = new Set<string>();
  /** … those beside which others were looked for last, … */
  #cleared: string | undefined;
  /** … and all that were brought. */
  readonly #brought = new Set<string>();
  /** The bridge of flannel's plugin, where it is there. */
  #bridge: string | undefined;
  #mtu: number | undefined;
  readonly #mtuOf = new Map<string, number>();
  #failures = new Map<string, string>();

  constructor(of: { config: AgentConfig; membership: FlannelMembership; state: ClusterState; netlink: Netlink; log: Logger }) {
    this.#config = of.config;
    this.#membership = of.membership;
    this.#state = of.state;
    this.#netlink = of.netlink;
    this.#log = of.log;
    this.#peers = { IPv4: new TunnelPeers(of.netlink), IPv6: new TunnelPeers(of.netlink) };
  }

  /** What is not as it should be, for people. */
  get problems(): string[] {
    return [...this.#membership.problems, ...this.#failures.values(), ...this.#poolProblems()];
  }

  /**
   * Whose containers have addresses of this host's lease. Never both: one of the two would give an address that the other has given. So the
   * bridge that flannel's plugin left has to be gone before Weir gives one, and Weir's containers before the plugin hears of the lease.
   */
  get containers(): FlannelLease['containers'] {
    return this.#config.flannel?.subnetFile === undefined && this.#bridge === undefined ? 'Weir' : 'FlannelPlugin';
  }

  /** The largest packets that get to every host of the network, in bytes; undefined while none is joined. */
  get mtu(): number | undefined {
    return this.#mtu;
  }

  forgetActual(): void {
    for (const peers of Object.values(this.#peers)) peers.forgetActual();
  }

  isRight(change: Extract<Change, { type: 'neighbour' | 'forwarding' | 'link' }>): boolean {
    if (change.type !== 'link') return Object.values(this.#peers).every((peers) => peers.isRight(change));
    const mtu = this.#mtuOf.get(change.link.name);
    return mtu === undefined || (change.action === 'set' && change.link.up && change.link.mtu === mtu);
  }

  /**
   * Makes the interfaces and what they have to know before a route takes them. Throws KernelError.
   *
   * @returns the routes that are then wanted, and what was done
   */
  bring(underlayMtu: number | undefined): { routes: Map<string, BlockRoute>; done: string[] } {
    const { joined } = this.#membership;
    if (joined === undefined) return { routes: new Map(), done: [] };
    const { network, own, others } = joined;
    this.#bridge = this.#pluginBridge(joined);
    const done = this.#bringLinks(joined, underlayMtu ?? UNKNOWN_MTU);
    const subnets: HostSpec['subnets'] = this.#state.host?.spec.subnets ?? [];
    const { routes, peers } = flannelRoutes({ backend: network.backend, own, others, links: this.#links, subnets });
    for (const family of ['IPv4', 'IPv6'] as const) {
      const link = this.#links[family];
      if (link !== undefined) done.push(...this.#peers[family].add(link, peers[family]));
    }
    this.#keepSubnetFile(joined);
    return { routes, done };
  }

  /** When no route takes them any more. Throws KernelError. */
  removeSurplus(): string[] {
    return [...Object.values(this.#peers).flatMap((peers) => peers.removeSurplus()), ...this.#removeFormerLinks()];
  }

  /** Those of another VNI or family, as the network's configuration had it before; not such as a flanneld has made. */
  #removeFormerLinks(): string[] {
    const wanted = [...this.#wanted].join();
    if (this.#membership.joined === undefined || this.#cleared === wanted) return [];
    const former = this.#netlink.links().filter(({ name, mac }) => !this.#wanted.has(name) && this.#isOurs(name, mac));
    const removed = former.filter(({ name }) => removeTunnelDevice(this.#netlink, name));
    for (const { name } of removed) this.#brought.delete(name);
    this.#cleared = wanted;
    return removed.map(({ name }) => `interface ${name} removed`);
  }

  #isOurs(name: string, mac: string | undefined): boolean {
    return this.#brought.has(name) || (isFlannelLink(name) && mac === flannelMac(this.#config.host, name));
  }

  #bringLinks({ network: { backend }, own }: Joined, underlayMtu: number): string[] {
    const outer = backend.type === 'vxlan' && backend.mtu !== undefined ? Math.min(backend.mtu, underlayMtu) : underlayMtu;
    this.#links = {};
    this.#wanted = new Set();
    this.#mtu = outer;
    this.#mtuOf.clear();
    if (backend.type !== 'vxlan') return [];
    return (Object.entries(own.ends) as [Family, FlannelEnd][]).flatMap(([family, { subnet, publicAddress, vtep }]) => {
      const name = flannelLink(backend.vni, family);
      this.#wanted.add(name);
      const mtu = outer - TUNNEL_OVERHEAD[family];
      this.#mtu = Math.min(this.#mtu!, mtu);
      const end = { address: publicAddress, mac: vtep!.mac, port: backend.port, vni: backend.vni, tunnelAddresses: [vtepAddress(subnet)] };
      try {
        const { link, done } = ensureTunnelDevice(this.#netlink, { ...end, name, mtu, setting: SETTING });
        this.#links[family] = link;
        this.#brought.add(name);
        this.#mtuOf.set(name, mtu);
        this.#failures.delete(name);
        return done.map((what) => `interface ${name} ${what}`);
      } catch (error) {
        if (!(error instanceof RoutingError || error instanceof KernelError)) throw error;
        this.#fail(name, `flannel's tunnels: ${error.message}`);
        return [];
      }
    });
  }

  #fail(what: string, problem: string): void {
    if (this.#failures.get(what) !== problem) this.#log.error({ error: problem }, 'a part of the flannel network is not there');
    this.#failures.set(what, problem);
  }

  /** For flannel's CNI plugin, where there is one. Whole or not at all. */
  #keepSubnetFile({ network, own }: Joined): void {
    const path = this.#config.flannel?.subnetFile;
    if (path === undefined) return;
    const subnets = Object.fromEntries(Object.entries(own.ends).map(([family, { subnet }]) => [family, subnet]));
    const text = subnetFile(network, subnets, this.#mtu!);
    const given = this.#givenWithin(Object.values(subnets));
    if (given > 0) {
      const which = `${given} of Weir's containers on this host have addresses of its lease`;
      this.#fail(path, `flannel: ${which}: ${path} is written when they are gone`);
      return;
    }
    try {
      if (contentOf(path) !== text) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(`${path}.new`, text);
        renameSync(`${path}.new`, path);
      }
      this.#failures.delete(path);
    } catch (error) {
      this.#fail(path, `flannel.subnetFile: ${(error as Error).message}`);
    }
  }

  /** By the address that flannel gives it: the first of the lease after that of the VXLAN interface. */
  #pluginBridge({ own }: Joined): string | undefined {
    const gateways = new Set(Object.values(own.ends).map(({ subnet }) => gatewayIn(subnet)));
    const found = this.#netlink.addresses().find(({ cidr }) => gateways.has(cidr));
    return found && (this.#netlink.link(found.link)?.name ?? `link ${found.link}`);
  }

  #givenWithin(subnets: readonly string[]): number {
    const { host } = this.#config;
    const blocks = [...this.#state.list('Block')].filter(({ spec }) => subnets.some((subnet) => cidrContains(subnet, spec.cidr)));
    const holders = blocks.flatMap(({ spec }) =>
      Object.values(spec.allocations).flatMap((one) => (one.host === host ? (one.containerId ?? []) : [])),
    );
    return new Set(holders).size;
  }

  #poolProblems(): string[] {
    const { joined, subnets } = this.#membership;
    if (joined === undefined || subnets === undefined || this.#config.flannel?.subnetFile !== undefined) return [];
    const pools = [...this.#state.list('Pool')].filter(({ spec }) => spec.routes === 'Flannel');
    const problems = subnets.flatMap((subnet) => {
      const pool = pools.find(({ spec }) => cidrContains(spec.cidr, subnet));
      const { network } = joined.network.plans[familyOf(subnet)] ?? {};
      if (pool === undefined)
        return `flannel: this host's lease ${subnet} is of no pool: apply one with cidr: ${network} and routes: Flannel`;
      const { prefixLength } = cidrRange(subnet);
      if (pool.spec.blockSize >= prefixLength) return [];
      return `flannel: blocks of pool "${pool.metadata.name}" (/${pool.spec.blockSize}) do not fit in this host's lease ${subnet}: set its blockSize to ${prefixLength} or more`;
    });
    if (this.#bridge !== undefined)
      problems.push(
        `flannel: interface ${this.#bridge} is of flannel's CNI plugin, whose containers may have addresses of this host's lease: Weir gives none before it is removed`,
      );
    return [...problems, ...this.#stranded(new Set(pools.map(({ metadata }) => metadata.name)), subnets)];
  }

  /** Addresses from before the lease was lost. */
  #stranded(pools: ReadonlySet<string>, subnets: readonly string[]): string[] {
    const { host } = this.#config;
    return [...this.#state.list('Block')].flatMap(({ spec: { pool, cidr, allocations } }) => {
      if (!pools.has(pool) || subnets.some((subnet) => cidrContains(subnet, cidr))) return [];
      const count = Object.values(allocations).filter((one) => one.host === host && one.containerId !== undefined).length;
      if (count === 0) return [];
      return `flannel: ${count} containers of this host have addresses of ${cidr}, which is of a lease that it lost: other hosts do not reach them. Start them anew`;
    });
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
