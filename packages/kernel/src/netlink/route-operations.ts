/**
 * What one can change through rtnetlink, once for both ways of doing it: `Netlink` carries each out at once, `Batch` collects them.
 * Links go by name or index.
 */
import { type AddressOptions, addAddress, deleteAddress, replaceAddress } from './address.ts';
import { deleteLink, type LinkChange, setLink } from './link-change.ts';
import { addBridge, addDummy, addVeth, addVxlan, type LinkOptions, type VethOptions, type VxlanOptions } from './link-creation.ts';
import type { Request } from './message.ts';
import {
  addForwarding,
  addNeighbour,
  deleteForwarding,
  deleteNeighbour,
  type ForwardingEntry,
  type NeighbourOptions,
  replaceNeighbour,
} from './neighbour.ts';
import { addRoute, deleteRoute, type NextHop, type Route, replaceRoute } from './route.ts';
import { addRule, deleteRule, type Rule } from './rule.ts';

/** A link by its name or its index. */
export type LinkReference = string | number;

type Named<T> = Omit<T, 'link'> & (T extends { link: number } ? { link: LinkReference } : { link?: LinkReference });

/** A route whose links may go by name. */
export type RouteInput = Omit<Named<Route>, 'nextHops'> & { nextHops?: (Named<NextHop> & { weight?: number })[] };

export abstract class RouteOperations {
  protected abstract submit(request: Request): void;

  /** Index of a link, by ioctl SIOCGIFINDEX: no dump, no lock. Throws KernelError ENODEV. */
  abstract indexOf(link: LinkReference): number;

  /** A veth pair made in place, its peer in another namespace from the start. */
  addVeth(options: VethOptions): void {
    this.submit(addVeth(options));
  }

  addVxlan(options: Omit<VxlanOptions, 'underlay'> & { underlay?: LinkReference }): void {
    const { underlay, ...rest } = options;
    this.submit(addVxlan(underlay === undefined ? rest : { ...rest, underlay: this.indexOf(underlay) }));
  }

  addBridge(options: LinkOptions): void {
    this.submit(addBridge(options));
  }

  addDummy(options: LinkOptions): void {
    this.submit(addDummy(options));
  }

  /** Changes what is given and leaves the rest. `master: 0` takes the link out of its bridge. */
  setLink(link: LinkReference, change: Omit<LinkChange, 'master'> & { master?: LinkReference }): void {
    const { master, ...rest } = change;
    const reference = change.name !== undefined ? this.indexOf(link) : link;
    this.submit(setLink(reference, master === undefined ? rest : { ...rest, master: master === 0 ? 0 : this.indexOf(master) }));
  }

  deleteLink(link: LinkReference): void {
    this.submit(deleteLink(link));
  }

  /** `cidr` is the address with its prefix length, e.g. `10.0.0.1/32`. */
  addAddress(link: LinkReference, cidr: string, options?: AddressOptions): void {
    this.submit(addAddress(this.indexOf(link), cidr, options));
  }

  replaceAddress(link: LinkReference, cidr: string, options?: AddressOptions): void {
    this.submit(replaceAddress(this.indexOf(link), cidr, options));
  }

  deleteAddress(link: LinkReference, cidr: string): void {
    this.submit(deleteAddress(this.indexOf(link), cidr));
  }

  addRoute(route: RouteInput): void {
    this.submit(addRoute(this.#route(route)));
  }

  /** Adds a route in place of the one with the same destination, table and metric. */
  replaceRoute(route: RouteInput): void {
    this.submit(replaceRoute(this.#route(route)));
  }

  /** Removes the first route that agrees with all that is given; `destination` suffices. */
  deleteRoute(route: RouteInput): void {
    this.submit(deleteRoute(this.#route(route)));
  }

  addNeighbour(options: Named<NeighbourOptions>): void {
    this.submit(addNeighbour({ ...options, link: this.indexOf(options.link) }));
  }

  replaceNeighbour(options: Named<NeighbourOptions>): void {
    this.submit(replaceNeighbour({ ...options, link: this.indexOf(options.link) }));
  }

  deleteNeighbour(options: { link: LinkReference; address: string; proxy?: boolean }): void {
    this.submit(deleteNeighbour({ ...options, link: this.indexOf(options.link) }));
  }

  /** Where a MAC is, for a VXLAN link; for 00:00:00:00:00:00 one more place that flooded frames go to. */
  addForwarding(entry: Named<ForwardingEntry>): void {
    this.submit(addForwarding({ ...entry, link: this.indexOf(entry.link) }));
  }

  deleteForwarding(entry: Named<ForwardingEntry>): void {
    this.submit(deleteForwarding({ ...entry, link: this.indexOf(entry.link) }));
  }

  addRule(rule: Rule): void {
    this.submit(addRule(rule));
  }

  deleteRule(rule: Rule): void {
    this.submit(deleteRule(rule));
  }

  #route(route: RouteInput): Route {
    const { nextHops, link, ...rest } = route;
    return {
      ...rest,
      ...(link !== undefined && { link: this.indexOf(link) }),
      ...(nextHops && {
        nextHops: nextHops.map(({ link: hopLink, ...hop }) => (hopLink === undefined ? hop : { ...hop, link: this.indexOf(hopLink) })),
      }),
    };
  }
}
