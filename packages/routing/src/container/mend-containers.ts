/** What `attach` made on the host's side, made again where somebody took it away. */
import { KernelError, type Netlink } from '@weir/kernel';
import { GATEWAY4, GATEWAY6, hostPrefix, ROUTE_PROTOCOL } from '../addresses.ts';

const GATEWAY4_CIDR = hostPrefix(GATEWAY4);
const GATEWAY6_CIDR = `${GATEWAY6}/64`;

/** A container that is attached. */
export interface Attached {
  hostInterface: string;
  addresses: readonly string[];
  /** Of the container's end. */
  mac?: string | undefined;
  /** The gateway's IPv4 address is on the host's end too: what moved the container's end away set no neighbour entry there (`LinkRequest.namespace`). */
  answersArp?: boolean;
}

/**
 * Host ends that are down are set up, and routes and neighbour entries that are missing are added. A container without its link is left
 * alone; so is a destination that has a route of somebody else's. Throws KernelError.
 *
 * @returns what was done, in the words of ip
 */
export function mendContainers(netlink: Netlink, containers: Iterable<Attached>): string[] {
  const links = new Map(netlink.links().map((link) => [link.name, link]));
  const routes = new Set(netlink.routes({ protocol: ROUTE_PROTOCOL }).map(({ destination, link }) => `${destination} ${link}`));
  const neighbours = new Set(
    netlink.neighbours().flatMap(({ link, address, mac, state }) => (state === 'permanent' ? [`${address} ${link} ${mac}`] : [])),
  );
  const linksWith = (wanted: string) => new Set(netlink.addresses().flatMap(({ cidr, link }) => (cidr === wanted ? [link] : [])));
  const [gateways4, gateways6] = [linksWith(GATEWAY4_CIDR), linksWith(GATEWAY6_CIDR)];
  const done: string[] = [];
  for (const { hostInterface, addresses, mac, answersArp } of containers) {
    const link = links.get(hostInterface);
    if (link === undefined) continue;
    const attempt = (what: string, action: () => void) => {
      try {
        action();
        done.push(what);
      } catch (error) {
        // The container may end at this very moment; and a foreign route stays.
        if (!(error instanceof KernelError && ['EEXIST', 'ENODEV', 'ENETDOWN'].includes(error.code))) throw error;
      }
    };
    if (!link.up) attempt(`link ${hostInterface} up`, () => netlink.setLink(link.index, { up: true }));
    // The kernel takes IPv6 addresses away with a link that goes down.
    if (addresses.some((address) => address.includes(':')) && !gateways6.has(link.index))
      attempt(`address ${GATEWAY6_CIDR} dev ${hostInterface}`, () => netlink.addAddress(link.index, GATEWAY6_CIDR, { noDad: true }));
    if (answersArp && addresses.some((address) => !address.includes(':')) && !gateways4.has(link.index))
      attempt(`address ${GATEWAY4_CIDR} dev ${hostInterface}`, () => netlink.addAddress(link.index, GATEWAY4_CIDR, { scope: 'host' }));
    for (const address of addresses) {
      const destination = hostPrefix(address);
      if (!link.up || !routes.has(`${destination} ${link.index}`))
        attempt(`${destination} dev ${hostInterface}`, () => netlink.addRoute({ destination, link: link.index, protocol: ROUTE_PROTOCOL }));
      if (mac !== undefined && !neighbours.has(`${address} ${link.index} ${mac}`))
        attempt(`neighbour ${address} dev ${hostInterface}`, () => netlink.replaceNeighbour({ link: link.index, address, mac }));
    }
  }
  return done;
}
