/** Tracked flows of one namespace as they end, with what they came to: ctnetlink's group of destroyed entries. */
import type { Namespace } from '../namespace.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { decodeFlow, type Flow } from './conntrack.ts';

/** Bit of NFNLGRP_CONNTRACK_DESTROY, 3 (linux/netfilter/nfnetlink_compat.h). */
const GROUP = 1 << 2;
/** Room for some thousand that end before they are taken. */
const RECEIVE_BYTES = 4 * 1024 * 1024;

export class EndedFlows {
  readonly #socket: NetlinkSocket;

  /** Listens in a namespace (the current one when absent) from now on. Throws KernelError. */
  static open(options: { namespace?: Namespace | undefined } = {}): EndedFlows {
    return new EndedFlows(NetlinkSocket.open(NETLINK_NETFILTER, { ...options, groups: GROUP, receiveBytes: RECEIVE_BYTES }));
  }

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Those that ended since, at most so many; the others wait for the next call, as far as there is room. Nothing watches the socket, so that
   * who calls decides what it costs when many end. `isLost`: there was no room for some. Throws KernelError.
   */
  take(limit = Number.POSITIVE_INFINITY): { flows: Flow[]; isLost: boolean } {
    const flows: Flow[] = [];
    let isLost = false;
    // The kernel tells of each in a datagram of its own: none is left behind in one that was read.
    for (const message of this.#socket.arrived('read ended flows')) {
      const flow = message === 'lost' ? undefined : decodeFlow(message);
      if (message === 'lost') isLost = true;
      if (flow !== undefined) flows.push(flow);
      if (flows.length >= limit) break;
    }
    return { flows, isLost };
  }
}
