/** What changes in the kernel, as it happens: rtnetlink's multicast groups as an async iterable. The event loop polls; no thread waits. */
import type { Namespace } from '../namespace.ts';
import { type Address, decodeAddress, RTM_DELADDR, RTM_NEWADDR } from './address.ts';
import { decodeLink, type Link } from './link.ts';
import { RTM_DELLINK, RTM_NEWLINK } from './link-attribute.ts';
import type { Message } from './message.ts';
import { decodeForwarding, decodeNeighbour, type ForwardingEntry, type Neighbour, RTM_DELNEIGH, RTM_NEWNEIGH } from './neighbour.ts';
import { decodeRoute, type Route, RTM_DELROUTE, RTM_NEWROUTE } from './route.ts';
import { decodeRule, RTM_DELRULE, RTM_NEWRULE, type Rule } from './rule.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './socket.ts';
import { SocketPoll } from './socket-poll.ts';

/** Bits of RTNLGRP_* (linux/rtnetlink.h), IPv4 and IPv6 together; those of neighbours also tell of forwarding entries. */
const GROUPS = {
  link: 1 << 0,
  neighbour: 1 << 2,
  address: (1 << 4) | (1 << 8),
  route: (1 << 6) | (1 << 10),
  rule: (1 << 7) | (1 << 18),
} as const;

export type MonitorGroup = keyof typeof GROUPS;

/** `set` is for new and changed ones. `lost`: more changed than could be held; what is there now has to be read anew. */
export type Change =
  | { type: 'link'; action: 'set' | 'delete'; link: Link }
  | { type: 'address'; action: 'set' | 'delete'; address: Address }
  | { type: 'route'; action: 'set' | 'delete'; route: Route }
  | { type: 'neighbour'; action: 'set' | 'delete'; neighbour: Neighbour }
  | { type: 'forwarding'; action: 'set' | 'delete'; entry: ForwardingEntry }
  | { type: 'rule'; action: 'set' | 'delete'; rule: Rule }
  | { type: 'lost' };

// Holds the changes of some thousand containers that start or end at once.
const RECEIVE_BYTES = 4 * 1024 * 1024;

/** Reads one notification; undefined for what no group of ours tells. */
function decodeChange(message: Message): Change | undefined {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A bridge tells of its ports in messages of its own family, also when they only leave it.
      return message.payload.readUInt8(0) === 0
        ? { type: 'link', action: message.type === RTM_NEWLINK ? 'set' : 'delete', link: decodeLink(message) }
        : undefined;
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = decodeAddress(message);
      return address && { type: 'address', action: message.type === RTM_NEWADDR ? 'set' : 'delete', address };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = decodeRoute(message);
      return route && { type: 'route', action: message.type === RTM_NEWROUTE ? 'set' : 'delete', route };
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      const action = message.type === RTM_NEWNEIGH ? 'set' : 'delete';
      const neighbour = decodeNeighbour(message);
      if (neighbour) return { type: 'neighbour', action, neighbour };
      const entry = decodeForwarding(message);
      return entry && { type: 'forwarding', action, entry };
    }
    case RTM_NEWRULE:
    case RTM_DELRULE: {
      const rule = decodeRule(message);
      return rule && { type: 'rule', action: message.type === RTM_NEWRULE ? 'set' : 'delete', rule };
    }
    default:
      return undefined;
  }
}

/** Starts to listen at once. While open it keeps the process alive; `close()`, leaving the loop, or the signal ends it. */
export function monitor(
  groups: readonly MonitorGroup[],
  options: { namespace?: Namespace; signal?: AbortSignal } = {},
): AsyncIterableIterator<Change> & { close(): void } {
  options.signal?.throwIfAborted();
  const socket = NetlinkSocket.open(NETLINK_ROUTE, {
    namespace: options.namespace,
    groups: groups.reduce((mask, group) => mask | GROUPS[group], 0),
    receiveBytes: RECEIVE_BYTES,
  });
  const changes: Change[] = [];
  const waiting: PromiseWithResolvers<IteratorResult<Change>>[] = [];
  let failure: unknown;
  let open = true;

  const settle = (): void => {
    while (waiting.length > 0) {
      const change = changes.shift();
      if (change) waiting.shift()!.resolve({ done: false, value: change });
      else if (failure !== undefined) {
        waiting.shift()!.reject(failure);
        failure = undefined;
      } else if (!open) waiting.shift()!.resolve({ done: true, value: undefined });
      else return;
    }
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    poll.close();
    options.signal?.removeEventListener('abort', close);
    settle();
  };
  // koffi calls from the event loop without Node's callback scope: what a promise settled here leads to would wait for some other event.
  const settleSoon = (): unknown => setImmediate(settle);
  const read = (): void => {
    for (const message of socket.arrived('ip monitor')) {
      const change: Change | undefined = message === 'lost' ? { type: 'lost' } : decodeChange(message);
      if (change) changes.push(change);
    }
    settleSoon();
  };
  const fail = (error: Error): void => {
    failure = error;
    open = false;
    options.signal?.removeEventListener('abort', close);
    settleSoon();
  };

  const poll = new SocketPoll(socket, read, fail);
  options.signal?.addEventListener('abort', close);
  return {
    next() {
      const next = Promise.withResolvers<IteratorResult<Change>>();
      waiting.push(next);
      settle();
      return next.promise;
    },
    async return() {
      close();
      return { done: true, value: undefined };
    },
    close,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
