/** Pure: packets of some seconds come to one record for each flow. */
import type { LoggedPacket } from '@weir/kernel';
import { type LogCause, parseLogPrefix } from '@weir/policy';
import { type FlowRecord, parseProtocol } from '@weir/resources';
import type { FlowDescription } from './flow-description.ts';

/** Flows of one window. Beyond it they are counted as lost: the table tells of so many packets a second that it takes a while. */
const MAX_FLOWS = 10_000;

export interface FlowWindowOptions {
  host: string;
  /** Asked once for each flow, at its first packet: policy may be another one when the window closes. */
  describe: (packet: LoggedPacket, cause: LogCause) => FlowDescription;
}

interface OpenFlow {
  packet: LoggedPacket;
  description: FlowDescription;
  first: number;
  last: number;
  packets: number;
  bytes: number;
}

export class FlowWindow {
  readonly #options: FlowWindowOptions;
  #flows = new Map<string, OpenFlow>();

  constructor(options: FlowWindowOptions) {
    this.#options = options;
  }

  /**
   * @param at when it was, ms since 1970
   * @returns false when there is no room for it
   */
  add(packet: LoggedPacket, at: number): boolean {
    const key = keyOf(packet);
    const known = this.#flows.get(key);
    if (known !== undefined) {
      known.last = at;
      known.packets += 1;
      known.bytes += packet.length;
      return true;
    }
    if (this.#flows.size >= MAX_FLOWS) return false;
    const cause = parseLogPrefix(packet.prefix);
    // Somebody else logs to our group.
    if (cause === undefined) return true;
    const description = this.#options.describe(packet, cause);
    if (!isOurs(description)) return true;
    this.#flows.set(key, { packet, description, first: at, last: at, packets: 1, bytes: packet.length });
    return true;
  }

  /** The records of the window, which begins anew. */
  close(): FlowRecord[] {
    const flows = this.#flows;
    this.#flows = new Map();
    return [...flows.values()].map((flow) => recordOf(flow, this.#options.host));
  }
}

/** What is let through between strangers is none of our business. */
function isOurs({ verdict, because }: FlowDescription): boolean {
  return verdict !== 'Allow' || because.default !== 'no local endpoint';
}

function keyOf({ prefix, source, destination, protocol, destinationPort, icmpType, icmpCode }: LoggedPacket): string {
  return `${prefix} ${source} ${destination} ${protocol} ${destinationPort ?? `${icmpType} ${icmpCode}`}`;
}

function recordOf({ packet, description, first, last, packets, bytes }: OpenFlow, host: string): FlowRecord {
  const { protocol, destinationPort, icmpType, icmpCode } = packet;
  const { verdict, source, destination, because, staged } = description;
  return {
    host,
    start: new Date(first).toISOString(),
    end: new Date(last).toISOString(),
    verdict,
    source,
    destination,
    protocol: protocol === 0 ? 0 : parseProtocol(protocol),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(icmpType !== undefined && { icmpType }),
    ...(icmpCode !== undefined && { icmpCode }),
    because,
    ...(staged !== undefined && { staged }),
    packets,
    bytes,
  };
}
