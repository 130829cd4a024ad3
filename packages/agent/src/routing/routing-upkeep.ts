/** What keeps routing right while nothing is asked of the agent: others change the kernel, hosts die and return, tunnels are told of. */
import { isDeepStrictEqual } from 'node:util';
import { GUARDED_PREFIX } from '@weir/cni';
import type { ObjectStore, Store } from '@weir/datastore';
import type { Allocator } from '@weir/ipam';
import type { Change, Netlink } from '@weir/kernel';
import { type Endpoint, type HostSpec, spaceOf } from '@weir/resources';
import { hostSetup, mendContainers } from '@weir/routing';
import type { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { Flannel } from '../flannel/join-flannel.ts';
import { updateHost } from '../hosts/presence.ts';
import type { Logger } from '../log.ts';
import type { HostRouting } from './host-routing.ts';
import { KeptFact } from './kept-fact.ts';
import { SilentHosts } from './silent-hosts.ts';
import { isStale, publishTunnelEnd, type TunnelEndRequest } from './tunnel-end.ts';
import { watchKernel } from './watch-kernel.ts';

export interface RoutingUpkeepOptions {
  config: AgentConfig;
  store: Store;
  objects: ObjectStore;
  allocator: Allocator;
  state: ClusterState;
  routing: HostRouting;
  netlink: Netlink;
  /** The flannel network that this host joins, if any. */
  flannel?: Flannel | undefined;
  /** Whether a container's link is not yet what it will be; its endpoint may be known before. */
  isBeingMade: (hostInterface: string) => boolean;
  log: Logger;
  /** Has routing applied soon. */
  applySoon: () => void;
}

export class RoutingUpkeep {
  readonly #of: RoutingUpkeepOptions;
  readonly #silentHosts: SilentHosts;
  readonly #toldTunnelEnd = new KeptFact();
  readonly #toldLease = new KeptFact();

  constructor(options: RoutingUpkeepOptions) {
    this.#of = options;
    const { config, state, routing, log, applySoon } = options;
    this.#silentHosts = new SilentHosts({
      store: options.store,
      hosts: () => [...state.list('Host')].map(({ metadata }) => metadata.name).filter((name) => name !== config.host),
      patience: config.hostDeadAfter * 1000,
      onChange: (dead) => {
        log.warn({ dead: [...dead] }, 'hosts without a sign of life: their containers are unreachable until there is one');
        routing.dead = dead;
        applySoon();
      },
    });
  }

  /** Until the signal; to be called when all that was in the store is known and applied. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, flannel } = this.#of;
    await Promise.all([
      this.#watchKernel(signal),
      this.#silentHosts.follow(signal),
      this.#toldTunnelEnd.keep(() => this.#publishTunnelEnd(), {
        signal,
        log,
        failure: "this host's end of the tunnels could not be told to the others",
      }),
      this.#toldLease.keep(() => this.#publishFlannelLease(), {
        signal,
        log,
        failure: "this host's lease of the flannel network could not be told to the others",
      }),
      flannel?.membership.run(signal),
    ]);
  }

  /** To be called after each change of routing that was applied. */
  applied(): void {
    this.#silentHosts.look();
    if (isStale(this.#tunnelEnd())) this.#toldTunnelEnd.touch();
    const { host } = this.#of.state;
    if (host !== undefined && !isDeepStrictEqual(host.spec.flannel, this.#flannelLease)) this.#toldLease.touch();
  }

  /** Looks at everything, whether or not somebody seems to have changed it, and puts it right. */
  repair(): void {
    const { routing, netlink, log } = this.#of;
    routing.forgetActual();
    const containers = this.#containers().map((spec) => ({ ...spec, answersArp: spec.docker !== undefined }));
    const done = [...hostSetup(), ...mendContainers(netlink, containers), ...routing.apply()];
    if (done.length > 0) log.warn({ done }, "somebody changed this host's routes or links: repaired");
    this.applied();
  }

  /** Nobody tells of kernel parameters, so they are looked at now and then. */
  repairForwarding(): void {
    const done = hostSetup();
    if (done.length > 0) this.#of.log.warn({ done }, 'somebody switched forwarding off: repaired');
  }

  async #watchKernel(signal: AbortSignal): Promise<void> {
    const changes = this.#of.netlink.monitor(['link', 'address', 'route', 'neighbour'], { signal });
    // What happened before the monitor listened.
    this.repair();
    await watchKernel(changes, { isRight: (change) => this.#isRight(change), repair: () => this.repair(), signal });
  }

  #isRight(change: Change): boolean {
    const { routing, netlink } = this.#of;
    return routing.isRight(change) && !this.#containers().some((endpoint) => isHarmed(endpoint, change, netlink));
  }

  /** Those that Weir attached in the host's own namespace; other endpoints have links of somebody else's. */
  #containers(): Endpoint['spec'][] {
    const { state, isBeingMade } = this.#of;
    return state.localEndpoints().flatMap(({ spec }) => {
      const isOurs = spec.hostInterface.startsWith(GUARDED_PREFIX) && spaceOf(spec) === undefined;
      return isOurs && !isBeingMade(spec.hostInterface) ? [spec] : [];
    });
  }

  #tunnelEnd(): TunnelEndRequest {
    const { config, state, routing } = this.#of;
    return { host: config.host, end: routing.tunnelEnd, pools: [...state.list('Pool')], published: state.host?.spec.vxlan };
  }

  async #publishTunnelEnd(): Promise<void> {
    const { objects, allocator, state, log } = this.#of;
    const { object, revision } = await publishTunnelEnd(this.#tunnelEnd(), { objects, allocator, log });
    state.put(object, revision);
  }

  /** What the Host object is to say of a flannel network; as it does, while that is not known. */
  get #flannelLease(): HostSpec['flannel'] {
    const { flannel, state } = this.#of;
    if (flannel === undefined) return undefined;
    const { subnets } = flannel.membership;
    return subnets === undefined ? state.host?.spec.flannel : { subnets, containers: flannel.ends.containers };
  }

  async #publishFlannelLease(): Promise<void> {
    const { config, objects, state } = this.#of;
    const { object, revision } = await updateHost(objects, config.host, { flannel: this.#flannelLease });
    state.put(object, revision);
  }
}

/**
 * Whether a change took away what the container's attachment has on the host's side. A link is told of as down while it is made, too, and that may
 * be read when it is up: to look at everything after each ADD would take milliseconds.
 */
function isHarmed({ hostInterface, addresses, mac }: Endpoint['spec'], change: Change, netlink: Netlink): boolean {
  switch (change.type) {
    case 'route':
      return change.action === 'delete' && addresses.includes(change.route.destination.split('/')[0]!);
    case 'neighbour':
      return addresses.includes(change.neighbour.address) && (change.action === 'delete' || change.neighbour.mac !== mac);
    case 'link':
      return change.action === 'set' && change.link.name === hostInterface && !change.link.up && netlink.link(hostInterface)?.up === false;
    default:
      return false;
  }
}
