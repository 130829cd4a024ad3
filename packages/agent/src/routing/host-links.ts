/** The host's ends of containers' links: in its own namespace, and in those of networks with their own address space. */
import type { Link, Netlink } from '@weir/kernel';
import {
  type Attaching,
  beginAttach,
  inspect,
  type LinkOwner,
  type LinkReaper,
  type LinkRequest,
  type LinkThread,
  ownerIn,
  type Wiring,
} from '@weir/routing';
import { AgentError } from '../agent-error.ts';
import type { OwnNetworks } from '../dataplane/own-networks.ts';

export class HostLinks {
  readonly #netlink: Netlink;
  readonly #reaper: LinkReaper;
  readonly #ownNetworks: OwnNetworks;
  readonly #thread: LinkThread | undefined;
  /** Links that are being made, by name, and the network whose own address space each is in. */
  readonly #underWay = new Map<string, string | undefined>();

  /**
   * @param of.netlink and `reaper` of the host's own namespace
   * @param of.thread makes the links; without it they are made at once
   */
  constructor(of: { netlink: Netlink; reaper: LinkReaper; ownNetworks: OwnNetworks; thread?: LinkThread | undefined }) {
    this.#netlink = of.netlink;
    this.#reaper = of.reaper;
    this.#ownNetworks = of.ownNetworks;
    this.#thread = of.thread;
  }

  names(): Set<string> {
    return new Set(this.#all().map(({ name }) => name));
  }

  #all(): Link[] {
    return [this.#netlink, ...[...this.#ownNetworks.all].map(({ netlink }) => netlink)].flatMap((netlink) => netlink.links());
  }

  /** Of the links that say whose they are. */
  owners(): LinkOwner[] {
    return this.#all().flatMap(({ alias }) => (alias === undefined ? [] : (ownerIn(alias) ?? [])));
  }

  has(name: string): boolean {
    return this.#netlink.link(name) !== undefined || this.#ownNetworks.having(name) !== undefined;
  }

  /** The network whose own address space the link is in; undefined: it is in the host's own namespace. Throws AgentError ENOLINK. */
  spaceOf(name: string): string | undefined {
    if (this.#underWay.has(name)) return this.#underWay.get(name);
    const network = this.#ownNetworks.having(name);
    if (network !== undefined || this.#ownNetworks.isEmpty || this.#netlink.link(name) !== undefined) return network?.name;
    // Of whichever space its addresses were, they are not to be taken for some of another.
    throw new AgentError('ENOLINK', `the interface ${name} is gone`);
  }

  /** Whether the link is not yet what it will be: nobody else is to put it right. */
  isBeingMade(name: string): boolean {
    return this.#underWay.has(name);
  }

  /** As `beginAttach`. @param space the network whose own address space the container is to be in */
  attach({ space, ...request }: Omit<LinkRequest, 'hostNamespace' | 'hostSocket'> & { space?: string | undefined }): Attaching {
    const network = space === undefined ? undefined : this.#ownNetworks.ensure(space);
    const whole = { ...request, hostNamespace: network?.namespace };
    const { attachmentWith, finish, abandon } = this.#thread === undefined ? beginAttach(whole) : this.#thread.attach(whole);
    this.#underWay.set(request.hostInterface, space);
    if (network !== undefined) network.begun++;
    const ending = (end: Promise<void>): Promise<void> =>
      end.finally(() => {
        this.#underWay.delete(request.hostInterface);
        if (network !== undefined) network.begun--;
      });
    return {
      attachmentWith,
      finish: (settings) => ending(finish(settings)),
      abandon: async () => {
        await ending(abandon());
        if (network !== undefined) this.#ownNetworks.dropUnused();
      },
    };
  }

  /** What has ended by now goes on in this turn of the event loop. */
  hearNow(): void {
    this.#thread?.hearNow();
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }

  inspect(where: { namespace: string; interfaceName: string; hostInterface: string }): Wiring {
    return inspect({ ...where, hostNamespace: this.#ownNetworks.having(where.hostInterface)?.namespace });
  }

  /** Resolves when the link is gone; at once when it is not there. */
  async remove(name: string): Promise<void> {
    const network = this.#ownNetworks.having(name);
    await (network?.reaper ?? this.#reaper).remove(name);
    await network?.dataplane.settled();
    this.#ownNetworks.dropUnused();
  }
}
