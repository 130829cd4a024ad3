/** The host's ends of containers' links: in its own namespace, and in those of networks with their own address space. */
import { type Link, Netlink } from '@weir/kernel';
import {
  type Attaching,
  beginAttach,
  inspect,
  type LinkOwner,
  type LinkReaper,
  type LinkRequest,
  ownerIn,
  type Wiring,
} from '@weir/routing';
import { AgentError } from '../agent-error.ts';
import type { OwnNetworks } from '../dataplane/own-networks.ts';

/** To open a socket takes a tenth as long as to make a link; so many that served an attachment are kept for the next. */
const IDLE_SOCKETS = 2;

export class HostLinks {
  readonly #netlink: Netlink;
  readonly #reaper: LinkReaper;
  readonly #ownNetworks: OwnNetworks;
  /** In the host's own namespace. */
  readonly #idle: Netlink[] = [];
  #isClosed = false;

  /** @param of.netlink and `reaper` of the host's own namespace */
  constructor(of: { netlink: Netlink; reaper: LinkReaper; ownNetworks: OwnNetworks }) {
    this.#netlink = of.netlink;
    this.#reaper = of.reaper;
    this.#ownNetworks = of.ownNetworks;
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
    const network = this.#ownNetworks.having(name);
    if (network !== undefined || this.#ownNetworks.isEmpty || this.#netlink.link(name) !== undefined) return network?.name;
    // Of whichever space its addresses were, they are not to be taken for some of another.
    throw new AgentError('ENOLINK', `the interface ${name} is gone`);
  }

  /** As `beginAttach`. @param space the network whose own address space the container is to be in */
  attach({ space, ...request }: Omit<LinkRequest, 'hostNamespace' | 'hostSocket'> & { space?: string | undefined }): Attaching {
    if (space === undefined) return this.#attachHere(request);
    const network = this.#ownNetworks.ensure(space);
    const { finish, abandon } = beginAttach({ ...request, hostNamespace: network.namespace });
    network.begun++;
    const ending = <T>(end: Promise<T>): Promise<T> => end.finally(() => network.begun--);
    return {
      finish: (settings) => ending(finish(settings)),
      abandon: async () => {
        await ending(abandon());
        this.#ownNetworks.dropUnused();
      },
    };
  }

  #attachHere(request: LinkRequest): Attaching {
    const hostSocket = this.#idle.pop() ?? Netlink.open();
    const ending = <T>(end: Promise<T>): Promise<T> => end.finally(() => this.#keep(hostSocket));
    try {
      const { finish, abandon } = beginAttach({ ...request, hostSocket });
      return { finish: (settings) => ending(finish(settings)), abandon: () => ending(abandon()) };
    } catch (error) {
      this.#keep(hostSocket);
      throw error;
    }
  }

  #keep(socket: Netlink): void {
    if (this.#isClosed || this.#idle.length >= IDLE_SOCKETS) socket.close();
    else this.#idle.push(socket);
  }

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#idle.splice(0)) socket.close();
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
