/** Pure: whether an established flow has to go, because policy no longer allows it or because an end of it is gone. */
import type { Flow as TrackedFlow } from '@weir/kernel';
import type { Flow, UdpSockets } from '@weir/policy';
import { familyOf, type HostSocket, protocolNumber } from '@weir/resources';

export interface Suspects {
  /** Addresses of endpoints that may have lost a permission. */
  narrowed: ReadonlySet<string>;
  /** Addresses that no endpoint of this host has any more: the next one to have them must not inherit flows. */
  gone: ReadonlySet<string>;
  /** Ports of this host that now lead to a container. */
  mapped: readonly HostSocket[];
  /** Sockets of services that changed, by what the calculator calls them; undefined: they are no service's any more. */
  services: UdpSockets;
  /** Whether what passes through this host may have lost a permission. */
  forwarded: boolean;
  /** What the ports that are of no certain address are ports of. */
  hostAddresses: Pick<ReadonlySet<string>, 'has'>;
}

export interface Judge {
  /** Whether the endpoints at its ends allow it. */
  isAllowed(flow: Flow): boolean;
  /** Whether the host allows it to pass through. */
  isAllowedThrough(flow: Flow): boolean;
}

export function isForbidden(tracked: TrackedFlow, suspects: Suspects, judge: Judge): boolean {
  const flow = asPolicySeesIt(tracked);
  const { source, destination } = flow;
  if (suspects.gone.has(source) || suspects.gone.has(destination)) return true;
  if (suspects.mapped.some((socket) => goesPast(socket, tracked, suspects.hostAddresses))) return true;
  if (leadsElsewhere(tracked, suspects)) return true;
  if ((suspects.narrowed.has(source) || suspects.narrowed.has(destination)) && !judge.isAllowed(flow)) return true;
  if (!suspects.forwarded) return false;
  const passesThrough = !suspects.hostAddresses.has(source) && !suspects.hostAddresses.has(destination);
  return passesThrough && !judge.isAllowedThrough(flow);
}

/** Policy judges the packet that opened the flow, after a host port was replaced by what it leads to, and before a source was. */
export function asPolicySeesIt({ original, reply, protocol }: TrackedFlow): Flow {
  return {
    ...original,
    destination: reply.source,
    ...(reply.sourcePort !== undefined && { destinationPort: reply.sourcePort }),
    protocol,
  };
}

/**
 * A flow of UDP never ends as long as somebody sends: one that began before the port was mapped, or while it led elsewhere, would go on
 * missing the container. TCP and SCTP begin anew by themselves.
 */
function goesPast(
  { protocol, port, address, target }: HostSocket,
  tracked: TrackedFlow,
  hostAddresses: Suspects['hostAddresses'],
): boolean {
  const { destination, destinationPort } = tracked.original;
  if (protocol !== 'UDP' || tracked.protocol !== protocolNumber(protocol) || destinationPort !== port) return false;
  return (address === undefined ? hostAddresses.has(destination) : address === destination) && tracked.reply.source !== target.address;
}

/** A flow of UDP to a service goes on to where it was led at first, also when nobody is there any more: one that is to be led anew has to go. */
function leadsElsewhere({ original, reply, protocol }: TrackedFlow, { services, hostAddresses }: Suspects): boolean {
  if (protocol !== protocolNumber('UDP') || services.size === 0) return false;
  const { destination, destinationPort } = original;
  const names = [destination, ...(hostAddresses.has(destination) ? [familyOf(destination)] : [])].map(
    (at) => `UDP ${at} ${destinationPort}`,
  );
  const name = names.find((one) => services.has(one));
  if (name === undefined) return false;
  const targets = services.get(name)?.targets;
  if (targets === undefined) return reply.source !== destination;
  return !targets.some(({ address, port }) => address === reply.source && port === reply.sourcePort);
}
