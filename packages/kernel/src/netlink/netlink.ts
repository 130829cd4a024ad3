/** rtnetlink in one namespace: links, addresses, routes, neighbours, rules. Synchronous, except where a method gives back a promise. */
import { KernelError } from '../error.ts';
import { errno, ioctlPointer } from '../libc.ts';
import { type Namespace, namespaceOfSocket } from '../namespace.ts';
import { type Address, type AddressFilter, decodeAddress, dumpAddresses } from './address.ts';
import { decodeLink, dumpLinks, getLink, type Link } from './link.ts';
import { deleteLinkGroup } from './link-change.ts';
import type { Request } from './message.ts';
import { type Change, type MonitorGroup, monitor } from './monitor.ts';
import {
  decodeForwarding,
  decodeNeighbour,
  dumpForwarding,
  dumpNeighbours,
  type ForwardingEntry,
  type Neighbour,
  type NeighbourFilter,
} from './neighbour.ts';
import { decodeRoute, dumpRoutes, lookUpRoute, MAIN_TABLE, type Route, type RouteFilter, routeLinkOf, routeTypeOf } from './route.ts';
import { type LinkReference, RouteOperations } from './route-operations.ts';
import { decodeRule, dumpRules, type Rule } from './rule.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './socket.ts';

const SIOCGIFINDEX = 0x8933;
const IFNAMSIZ = 16;
const ENODEV = 19;
const ENOENT = 2;

/** Requests that go to the kernel together, when the function given to `Netlink.batch` returns. */
export class Batch extends RouteOperations {
  readonly requests: Request[] = [];
  readonly #netlink: Netlink;

  constructor(netlink: Netlink) {
    super();
    this.#netlink = netlink;
  }

  /** A link made in the same batch is not there yet: it has no index. */
  override indexOf(link: LinkReference): number {
    return this.#netlink.indexOf(link);
  }

  protected override submit(request: Request): void {
    this.requests.push(request);
  }
}

export class Netlink extends RouteOperations {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    super();
    this.#socket = socket;
  }

  /** Opens a socket in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): Netlink {
    return new Netlink(NetlinkSocket.open(NETLINK_ROUTE, options));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected override submit(request: Request): void {
    this.#socket.request(request);
  }

  /**
   * Several changes in one send(2), carried out in their order. When one is refused the others are still carried out; the error is that
   * of the first refused one, `others` holds the rest, and undoing is the caller's.
   */
  batch(collect: (batch: Batch) => void): void {
    const batch = new Batch(this);
    collect(batch);
    if (batch.requests.length > 0) this.#socket.batch(batch.requests);
  }

  override indexOf(link: LinkReference): number {
    if (typeof link === 'number') return link;
    const operation = `find link ${link}`;
    if (Buffer.byteLength(link) >= IFNAMSIZ) throw new KernelError(ENODEV, operation, { extendedAck: 'a link name has at most 15 bytes' });
    const ifreq = Buffer.alloc(40); // struct ifreq: name, then a union that begins with the index
    ifreq.write(link);
    if (ioctlPointer(this.#socket.fd, SIOCGIFINDEX, ifreq) < 0) throw new KernelError(errno(), operation);
    return ifreq.readInt32LE(IFNAMSIZ);
  }

  links(): Link[] {
    return this.#socket.dump(dumpLinks(), decodeLink);
  }

  /** One link, or undefined when there is none of that name or index. */
  link(link: LinkReference): Link | undefined {
    try {
      return decodeLink(this.#socket.get(getLink(link)));
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENODEV') return undefined;
      throw error;
    }
  }

  /**
   * Removes all links of a group at once: one RCU wait for all of them instead of one each. It takes tens of milliseconds, so a worker
   * thread does it. A group without links is no error. Needs a `group` other than 0, which every link is in from the start.
   */
  async deleteLinkGroup(group: number): Promise<void> {
    const request = deleteLinkGroup(group);
    if (group === 0) throw new TypeError('link group 0 holds every link that was put in none; delete links of a group of your own');
    // A socket of its own: requests on the other one go on meanwhile, and their answers cannot mix.
    using namespace = namespaceOfSocket(this.#socket.fd);
    const socket = NetlinkSocket.open(NETLINK_ROUTE, { namespace });
    try {
      await socket.requestOffThread(request);
    } catch (error) {
      if (!(error instanceof KernelError && error.code === 'ENODEV')) throw error;
    } finally {
      socket.close();
    }
  }

  addresses(filter: Omit<AddressFilter, 'link'> & { link?: LinkReference } = {}): Address[] {
    const { link, ...rest } = filter;
    return this.#socket.dump(dumpAddresses(link === undefined ? rest : { ...rest, link: this.indexOf(link) }), decodeAddress);
  }

  /** Routes of both versions and all tables, unless the filter says otherwise. */
  routes(filter: Omit<RouteFilter, 'link'> & { link?: LinkReference } = {}): Route[] {
    const { link, ...rest } = filter;
    const exact: RouteFilter = link === undefined ? rest : { ...rest, link: this.indexOf(link) };
    return (filter.version ? [filter.version] : ([4, 6] as const)).flatMap((version) => this.#routesOf({ ...exact, version }));
  }

  /**
   * Whether packets to the address are taken in here, on that link. An address that is there need not be: of IPv6 the kernel makes the route that leads
   * them in later, by a work queue of its own.
   */
  takesIn(link: LinkReference, address: string): boolean {
    try {
      return routeTypeOf(this.#socket.get(lookUpRoute(address, this.indexOf(link)))) === 'local';
    } catch (error) {
      if (error instanceof KernelError && (error.code === 'ENETUNREACH' || error.code === 'EHOSTUNREACH')) return false;
      throw error;
    }
  }

  /** Name of the link that a packet to the address leaves by; undefined where there is no way. */
  linkTowards(address: string): string | undefined {
    try {
      const index = routeLinkOf(this.#socket.get(lookUpRoute(address)));
      return index === undefined ? undefined : this.link(index)?.name;
    } catch (error) {
      // Blackholes and the like are told of by other errors.
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }

  /** Neighbours; with `proxy`, the addresses that are answered for instead. */
  neighbours(filter: Omit<NeighbourFilter, 'link'> & { link?: LinkReference } = {}): Neighbour[] {
    const { link, ...rest } = filter;
    const index = link === undefined ? undefined : this.indexOf(link);
    const found = this.#socket.dump(dumpNeighbours(index === undefined ? rest : { ...rest, link: index }), decodeNeighbour);
    return index === undefined ? found : found.filter((neighbour) => neighbour.link === index);
  }

  /** The forwarding database of a VXLAN link: entries that name an underlay address. */
  forwarding(link: LinkReference): ForwardingEntry[] {
    const index = this.indexOf(link);
    return this.#socket.dump(dumpForwarding(index), decodeForwarding).filter((entry) => entry.link === index);
  }

  rules(filter: { version?: 4 | 6 } = {}): Rule[] {
    return (filter.version ? [filter.version] : ([4, 6] as const)).flatMap((version) => this.#socket.dump(dumpRules(version), decodeRule));
  }

  /**
   * What changes from now on, in the namespace of this socket. Listens from the moment of this call, so that a dump taken after it misses
   * nothing. Ends with `close()`, with the loop that reads it, or with the signal.
   */
  monitor(groups: readonly MonitorGroup[], options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Change> & { close(): void } {
    using namespace = namespaceOfSocket(this.#socket.fd);
    return monitor(groups, { ...options, namespace });
  }

  #routesOf(filter: RouteFilter & { version: 4 | 6 }): Route[] {
    try {
      // The kernel filters, but a dump by link also holds what hangs on it indirectly, and older kernels take the filter as a hint.
      return this.#socket.dump(dumpRoutes(filter), decodeRoute).filter((route) => agrees(route, filter));
    } catch (error) {
      // A table that never held a route does not exist.
      if (error instanceof KernelError && error.errno === ENOENT && filter.table !== undefined) return [];
      throw error;
    }
  }
}

function agrees(route: Route, { table, protocol, type, link }: RouteFilter): boolean {
  return (
    (table === undefined || (route.table ?? MAIN_TABLE) === table) &&
    (protocol === undefined || (route.protocol ?? 3) === protocol) &&
    (type === undefined || (route.type ?? 'unicast') === type) &&
    (link === undefined || route.link === link || (route.nextHops ?? []).some((hop) => hop.link === link))
  );
}
