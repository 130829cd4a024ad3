/** Where the other ends of the tunnels are: forwarding entries and neighbours of the VXLAN link, kept equal to the desired ones. */
import { type Change, DeltaTracker, KernelError, type Netlink } from '@weir/kernel';
import type { TunnelPeer } from './tunnel.ts';

type Entry = { mac: string; destination: string } | { mac: string; gateway: string };

/** Nothing is learned and nothing asked for: what the kernel does not find here it does not send. */
export class TunnelPeers {
  readonly #netlink: Netlink;
  #tracker = new DeltaTracker<string, Entry>({ equal: sameEntry });
  /** Index of the link that the actual entries were read from; undefined: to be read. */
  #link: number | undefined;

  /** @param netlink of the host's namespace; the caller closes it. */
  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** The next `add` reads the kernel's entries first. */
  forgetActual(): void {
    this.#link = undefined;
  }

  /**
   * Adds and changes what is missing; to be called before the routes by these peers are made. Throws KernelError.
   *
   * @returns what was done, in the words of ip and bridge
   */
  add(link: number, peers: Iterable<TunnelPeer>): string[] {
    if (this.#link !== link) this.#readActual(link);
    this.#tracker.setDesired([...peers].flatMap(entriesOf));
    const { set } = this.#tracker.pending();
    this.#netlink.batch((batch) => {
      for (const entry of set.values()) {
        if ('gateway' in entry) batch.replaceNeighbour({ link, address: entry.gateway, mac: entry.mac });
        else batch.addForwarding({ link, ...entry });
      }
    });
    this.#tracker.applied({ set });
    return [...set].map(([key, { mac }]) => `${key} ${mac}`);
  }

  /** Removes what is not wanted any more; to be called when no route needs it. Throws KernelError. @returns what was done */
  removeSurplus(): string[] {
    const link = this.#link;
    if (link === undefined) return [];
    const surplus = [...this.#tracker.pending().delete].map((key) => [key, this.#tracker.actual.get(key)!] as const);
    try {
      this.#netlink.batch((batch) => {
        for (const [, entry] of surplus) {
          if ('gateway' in entry) batch.deleteNeighbour({ link, address: entry.gateway });
          else batch.deleteForwarding({ link, ...entry });
        }
      });
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      // What is gone already is as it should be.
      const other = [error, ...error.others].find(({ code }) => code !== 'ENOENT');
      if (other) throw other;
    }
    this.#tracker.applied({ delete: surplus.map(([key]) => key) });
    return surplus.map(([key]) => `no ${key}`);
  }

  /** Whether an entry that was just set or removed, by whomever, is as it is desired, or of another link. */
  isRight(change: Extract<Change, { type: 'neighbour' | 'forwarding' }>): boolean {
    const { link, mac } = change.type === 'neighbour' ? change.neighbour : change.entry;
    if (link !== this.#link) return true;
    if (change.type === 'neighbour' && (change.neighbour.state !== 'permanent' || mac === undefined) && change.action === 'set')
      return this.#tracker.desired.has(keyed({ mac: '', gateway: change.neighbour.address })[0]) === false;
    const [key, entry] = keyed(
      change.type === 'neighbour'
        ? { mac: mac ?? '', gateway: change.neighbour.address }
        : { mac: change.entry.mac, destination: change.entry.destination },
    );
    const desired = this.#tracker.desired.get(key);
    return change.action === 'delete' ? desired === undefined : desired !== undefined && sameEntry(desired, entry);
  }

  #readActual(link: number): void {
    const neighbours = this.#netlink.neighbours({ link }).filter(({ state }) => state === 'permanent');
    this.#tracker.setActual([
      ...this.#netlink.forwarding(link).map(({ mac, destination }) => keyed({ mac, destination })),
      ...neighbours.flatMap(({ address, mac }) => (mac === undefined ? [] : [keyed({ mac, gateway: address })])),
    ]);
    this.#link = link;
  }
}

function entriesOf({ mac, address, gateways }: TunnelPeer): [string, Entry][] {
  return [keyed({ mac, destination: address }), ...[...gateways].map((gateway) => keyed({ mac, gateway }))];
}

/** A hardware address is in one place, and a next hop has one hardware address. */
function keyed(entry: Entry): [string, Entry] {
  return ['gateway' in entry ? `neighbour ${entry.gateway}` : `forwarding of ${entry.mac}`, entry];
}

function sameEntry(a: Entry, b: Entry): boolean {
  if ('gateway' in a || 'gateway' in b) return a.mac === b.mac;
  return a.destination === b.destination;
}
