/**
 * Wires a container: a veth, its addresses as /32 and /128, and a default route, or certain others, by a gateway that is the host end of the veth itself.
 *
 *     container                              host
 *     eth0 10.65.0.7/32, fd00:65::7/128 ──── weir3f… fe80::1/64
 *     default via 169.254.1.1 onlink         10.65.0.7 dev weir3f… proto 121
 *     default via fe80::1                    fd00:65::7 dev weir3f… proto 121
 *
 * Neighbour entries of both ends are permanent, so that nothing has to be asked for, and nobody can answer in another's place.
 * All of it are four sends: the veth alone, since it must not be touched when it is someone else's, what the host's end has from the start,
 * then each end's own batch, the host's last: where that end is up, all is there.
 */
import { existsSync } from 'node:fs';
import { type Batch, KernelError, type NamespaceHandle, Netlink, openNamespace } from '@weir/kernel';
import { containerMac, GATEWAY4, GATEWAY6, HOST_MAC, hostPrefix, linkLocalAddress, ROUTE_PROTOCOL } from '../addresses.ts';
import { RoutingError } from '../routing-error.ts';
import { type Placed, settleIpv6, settleIpv6Sync } from './ipv6-settled.ts';
import { aliasOf, type LinkOwner } from './link-owner.ts';

export interface LinkRequest {
  /**
   * Path of the container's network namespace. Absent: the runtime moves the container's end there itself and sets it up, as Docker does. Until
   * then it waits beside the host's end, down.
   */
  namespace?: string | undefined;
  /** Of the container's end, where it is made: `eth0`. */
  interfaceName: string;
  /** On the host: at most 15 bytes. */
  hostInterface: string;
  /** Path of the namespace that the host's end is in; default: the one that the process is in. */
  hostNamespace?: string | undefined;
  /** A socket in there; default: one that is opened for it. */
  hostSocket?: Netlink | undefined;
  /** Of the container's end; default: one made of the host interface's name. */
  mac?: string | undefined;
  /** Said in the alias of the host's end. */
  owner?: LinkOwner | undefined;
}

export interface LinkSettings {
  /** Plain IP addresses, canonical text, of one family or both. */
  addresses: readonly string[];
  /** Bytes, of both ends; default: the kernel's. */
  mtu?: number | undefined;
  /** What the container reaches by the link, in CIDR form, canonical; of a family that has none here: everything. */
  destinations?: readonly string[] | undefined;
}

export type AttachRequest = LinkRequest & LinkSettings;

export interface Attachment {
  hostMac: string;
  containerMac: string;
  /** Bytes, of both ends; absent when it is the kernel's own choice. */
  mtu?: number;
  /** Present when there is an address of the family. */
  gateway4?: typeof GATEWAY4;
  gateway6?: typeof GATEWAY6;
  /** Of the container. */
  routes: ContainerRoute[];
}

export interface ContainerRoute {
  /** CIDR. */
  destination: string;
  via: string;
}

/** An attachment whose link is being made. It ends with one of the two, and holds descriptors until then. */
export interface Attaching {
  /** How it will be with these: all of it follows from what was asked for. Does nothing. */
  attachmentWith(settings: LinkSettings): Attachment;
  /** Resolves when it is. Rejects as `attach` throws. */
  finish(settings: LinkSettings): Promise<void>;
  /** Leaves nothing of it. A link that was there before stays. */
  abandon(): Promise<void>;
}

/**
 * Attaches the container's namespace to the one that the process is in. When it returns both ends are up and packets flow, as far as the
 * rules for an interface of that name let them; when it throws nothing is left of it.
 *
 * Throws KernelError ENOENT, with the path, when there is no such namespace; RoutingError EEXIST when either interface name is taken,
 * EADDRINUSE when an address is another interface's, EDEFAULTROUTE when the container has a route to the same, ENOIPV6 when an IPv6 address meets a switched-off IPv6; else the KernelError of what failed.
 */
export function attach(request: AttachRequest): Attachment {
  using ends = makeLink(request);
  setUp(request, ends);
  settleIpv6Sync(ipv6Of(request, ends));
  return attachmentOf(request);
}

/**
 * `attach` in two steps: the link, which the kernel takes longest for and which needs no address, and what needs them. A link that cannot
 * be made is told of by `finish`.
 */
export function beginAttach(request: LinkRequest): Attaching {
  let ends: Ends | undefined;
  let refused: unknown;
  try {
    ends = makeLink(request);
  } catch (error) {
    refused = error;
  }
  return {
    attachmentWith: (settings) => attachmentOf({ ...request, ...settings }),
    async finish(settings) {
      if (ends === undefined) throw refused;
      await finishAttach({ ...request, ...settings }, ends);
    },
    async abandon() {
      using stack = new DisposableStack();
      if (ends !== undefined) removeLink(stack.use(ends).host, request.hostInterface);
    },
  };
}

async function finishAttach(request: AttachRequest, given: Ends): Promise<void> {
  using ends = given;
  setUp(request, ends);
  await settleIpv6(ipv6Of(request, ends));
}

/** What `attach` makes of a request. Pure. */
export function attachmentOf({ addresses, mtu, destinations, ...link }: AttachRequest): Attachment {
  return {
    hostMac: HOST_MAC,
    containerMac: macOf(link),
    ...(mtu !== undefined && { mtu }),
    ...(addresses.some(isIpv4) && { gateway4: GATEWAY4 }),
    ...(addresses.some(isIpv6) && { gateway6: GATEWAY6 }),
    routes: routesOf({ addresses, destinations }),
  };
}

function routesOf({ addresses, destinations = [] }: LinkSettings): ContainerRoute[] {
  return [...new Set(addresses.map(gatewayOf))].flatMap((via) => {
    const certain = destinations.filter((destination) => gatewayOf(destination) === via);
    const everything = isIpv6(via) ? '::/0' : '0.0.0.0/0';
    return (certain.length > 0 ? certain : [everything]).map((destination) => ({ destination, via }));
  });
}

/** Sockets of both ends of a link. Of a container's end that waits there is none. */
interface Ends extends Disposable {
  host: Netlink;
  inside?: { namespace: NamespaceHandle; container: Netlink };
}

/** Both ends, down, and what of the host's needs no address: nobody who sets it up after this process was killed need know of that. */
function makeLink(request: LinkRequest): Ends {
  using stack = new DisposableStack();
  const ends = stack.use(openEnds(request));
  try {
    ends.host.addVeth(vethOf(request, ends));
  } catch (error) {
    throw explainTaken(error, request, ends);
  }
  undoing(ends.host, request, () => prepareHost(ends.host, request));
  stack.move();
  return ends;
}

function openEnds(request: LinkRequest): Ends {
  using stack = new DisposableStack();
  const namespace = request.namespace === undefined ? undefined : stack.use(openNamespace(request.namespace));
  const host = request.hostSocket ?? stack.use(Netlink.open({ namespace: request.hostNamespace }));
  const inside = namespace && { namespace, container: stack.use(Netlink.open({ namespace })) };
  const kept = stack.move();
  return { host, ...(inside && { inside }), [Symbol.dispose]: () => kept.dispose() };
}

/**
 * A veth passes packets on in the sender's turn, on the sender's processor, so queues are of no use to it, but each of them is two objects in
 * sysfs, of which somebody may be told: with one for every processor a pair takes a third longer to make on two, and longer still on more.
 */
const QUEUES = 1;

/** Both ends stay down: the settings of their link-local addresses have to come first. */
function vethOf(request: LinkRequest, { inside }: Ends): Parameters<Netlink['addVeth']>[0] {
  const { interfaceName, hostInterface } = request;
  return {
    name: hostInterface,
    mac: HOST_MAC,
    queues: QUEUES,
    peer: { name: interfaceName, mac: macOf(request), ...(inside && { namespace: inside.namespace.fd }) },
  };
}

function macOf({ mac, hostInterface }: LinkRequest): string {
  return mac ?? containerMac(hostInterface);
}

function explainTaken(error: unknown, { namespace, interfaceName, hostInterface }: LinkRequest, { host }: Ends): unknown {
  if (!(error instanceof KernelError && error.code === 'EEXIST')) return error;
  const where = host.link(hostInterface) ? `${hostInterface} on this host` : `${interfaceName} in ${namespace ?? 'this host'}`;
  return new RoutingError('EEXIST', `there is an interface ${where} already: detach it first`, { cause: error });
}

function setUp(request: AttachRequest, { host, inside }: Ends): void {
  const { hostInterface, addresses } = request;
  const mac = macOf(request);
  undoing(host, request, () => {
    if (addresses.length === 0) throw new RoutingError('ENOADDRESS', `${hostInterface}: a container without an address cannot be attached`);
    if (inside !== undefined) explaining(request, `in ${request.namespace}`, () => setUpContainer(inside.container, request, mac));
    explaining(request, 'on the host', () => setUpHost(host, request, mac));
  });
}

/** When the action fails, the link goes. */
function undoing(host: Netlink, { hostInterface }: LinkRequest, action: () => void): void {
  using undo = new DisposableStack();
  undo.defer(() => removeLink(host, hostInterface));
  action();
  undo.move();
}

const isIpv6 = (address: string): boolean => address.includes(':');
const isIpv4 = (address: string): boolean => !isIpv6(address);
const gatewayOf = (address: string): string => (isIpv6(address) ? GATEWAY6 : GATEWAY4);

function setUpContainer(container: Netlink, { interfaceName, addresses, mtu, destinations }: AttachRequest, mac: string): void {
  const link = container.indexOf(interfaceName);
  container.batch((batch) => {
    withoutLinkLocal(batch, link);
    batch.setLink(link, { up: true, ...(mtu !== undefined && { mtu }) });
    // With it the container can send to its gateway before it has looked for its twins; no other machine is on this link.
    if (addresses.some(isIpv6)) batch.addAddress(link, `${linkLocalAddress(mac)}/64`, { noDad: true });
    for (const address of addresses) batch.addAddress(link, hostPrefix(address), { noDad: isIpv6(address) });
    for (const gateway of new Set(addresses.map(gatewayOf))) batch.addNeighbour({ link, address: gateway, mac: HOST_MAC });
    for (const route of routesOf({ addresses, destinations })) batch.addRoute({ ...route, link, onLink: true });
  });
}

function prepareHost(host: Netlink, { hostInterface, owner }: LinkRequest): void {
  const link = host.indexOf(hostInterface);
  const alias = owner && aliasOf(owner);
  host.batch((batch) => {
    // Proxy ARP is for a container whose neighbour table was flushed; the strict reverse path filter lets no foreign IPv4 source
    // in, those that ARP messages speak of included, which the hooks of policy do not see.
    batch.setLink(link, { ipv4Conf: { proxyArp: 1, rpFilter: 1 }, ...(alias !== undefined && { alias }) });
    withoutLinkLocal(batch, link);
  });
}

function setUpHost(host: Netlink, { namespace, interfaceName, hostInterface, addresses, mtu }: AttachRequest, mac: string): void {
  const link = host.indexOf(hostInterface);
  const waiting = namespace === undefined ? host.indexOf(interfaceName) : undefined;
  host.batch((batch) => {
    if (waiting !== undefined) {
      if (mtu !== undefined) batch.setLink(waiting, { mtu });
      // Nobody puts the gateway among the container's neighbours, so it has to answer for itself. No scope that a source is chosen from.
      if (addresses.some(isIpv4)) batch.addAddress(link, hostPrefix(GATEWAY4), { scope: 'host' });
    }
    batch.setLink(link, { up: true, ...(mtu !== undefined && { mtu }) });
    if (addresses.some(isIpv6)) batch.addAddress(link, `${GATEWAY6}/64`, { noDad: true });
    for (const address of addresses) {
      batch.addNeighbour({ link, address, mac });
      batch.addRoute({ destination: hostPrefix(address), link, protocol: ROUTE_PROTOCOL });
    }
  });
}

/** The IPv6 addresses of both ends. Of a link whose other end is down none is of use yet. */
function ipv6Of(request: AttachRequest, { host, inside }: Ends): Placed {
  const addresses = request.addresses.filter(isIpv6);
  if (addresses.length === 0 || inside === undefined) return [];
  return [
    { netlink: inside.container, link: request.interfaceName, addresses: [...addresses, linkLocalAddress(macOf(request))] },
    { netlink: host, link: request.hostInterface, addresses: [GATEWAY6] },
  ];
}

/** The kernel's own link-local address would be tentative for a second, and announce itself on a link where nobody listens. */
function withoutLinkLocal(batch: Batch, link: number): void {
  // Without the IPv6 module the setting itself is refused.
  if (kernelHasIpv6()) batch.setLink(link, { ipv6AddressGeneration: 'none' });
}

/** Compiled in or not, loaded or not at boot: it stays so, and is asked once. */
function kernelHasIpv6(): boolean {
  hasIpv6 ??= existsSync('/proc/net/if_inet6');
  return hasIpv6;
}

let hasIpv6: boolean | undefined;

/** What the kernel's bare errno means for this request, where that can be told. */
function explaining({ addresses, interfaceName }: AttachRequest, where: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (error.code === 'EACCES' && addresses.some(isIpv6)) {
      const address = addresses.find(isIpv6);
      throw new RoutingError('ENOIPV6', `${address} cannot be set ${where}: IPv6 is switched off there (net.ipv6.conf.*.disable_ipv6)`, {
        cause: error,
      });
    }
    // Both ends are new, so only a route can be there already; by a gateway, only one of the container.
    const destination = error.code === 'EEXIST' ? / route add (\S+) via /.exec(error.operation)?.[1] : undefined;
    if (destination !== undefined) {
      const what = destination.endsWith('/0') ? 'be the default route' : `lead to ${destination}`;
      throw new RoutingError('EDEFAULTROUTE', `${interfaceName} cannot ${what} ${where}: another interface has that route`, {
        cause: error,
      });
    }
    if (error.code === 'EEXIST')
      throw new RoutingError('EADDRINUSE', `an address is routed to another interface ${where}: ${error.operation}`, { cause: error });
    throw error;
  }
}

/** A container that died meanwhile took its end, and with it this one, along. */
function removeLink(host: Netlink, name: string): void {
  try {
    host.deleteLink(name);
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'ENODEV')) throw error;
  }
}
