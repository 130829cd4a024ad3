/** Pure: packets of some seconds, and what the kernel counted of flows meanwhile, come to one record for each flow. */
import type { LoggedPacket } from '@weir/kernel';
import { ALLOW_PREFIX, type LogCause, parseLogPrefix } from '@weir/policy';
import { type FlowRecord, parseProtocol } from '@weir/resources';
import type { FlowDescription, FlowIdentity } from './flow-description.ts';
import type { Volume } from './flow-volumes.ts';

/** Flows of one window. Beyond it they are counted as lost. */
const MAX_FLOWS = 10_000;

export interface FlowWindowOptions {
  host: string;
  /** Asked once for each flow, at its first packet: policy may be another one when the window closes. */
  describe: (packet: LoggedPacket, cause: LogCause) => FlowDescription;
  /** Who has the addresses now, for a flow that goes on: labels may be others than at its first packet. */
  ends: (flow: FlowIdentity) => Pick<FlowDescription, 'source' | 'destination'>;
}

interface OpenFlow {
  packet: FlowIdentity;
  description: FlowDescription;
  first: number;
  last: number;
  /** That were told of. */
  packets: number;
  bytes: number;
  /** Of allowed flows, as the kernel counted it. */
  volume?: Volume;
}

export class FlowWindow {
  readonly #options: FlowWindowOptions;
  #flows = new Map<string, OpenFlow>();
  /** What became of allowed flows that are still there, so that those who see no more first packets know it. */
  #allowed = new Map<string, FlowDescription>();
  #live = new Set<string>();

  constructor(options: FlowWindowOptions) {
    this.#options = options;
  }

  /**
   * @param at when it was, ms since 1970
   * @returns false when there is no room for it
   */
  add(packet: LoggedPacket, at: number): boolean {
    const key = keyOf(packet.prefix, packet);
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
    if (cause.kind === 'Allow') this.#allowed.set(key, description);
    return true;
  }

  /**
   * What an allowed flow carried until now; nothing, to say that it is still there.
   *
   * @param span from when it may have carried it until now, ms since 1970
   * @param explain asked where no first packet of the like was told of; undefined: it is none of ours
   * @returns false when there is no room for it
   */
  addVolume(flow: FlowIdentity, volume: Volume, span: { from: number; to: number }, explain: () => FlowDescription | undefined): boolean {
    const key = keyOf(ALLOW_PREFIX, flow);
    const known = this.#flows.get(key);
    if (this.#allowed.has(key)) this.#live.add(key);
    if (volume.packets + volume.replyPackets === 0) return true;
    if (known !== undefined) {
      known.last = Math.max(known.last, span.to);
      known.volume = addVolumes(known.volume, volume);
      return true;
    }
    // Before why it is allowed is found out: of tens of thousands of flows that would be most of the work, and for nothing.
    if (this.#flows.size >= MAX_FLOWS) return false;
    const before = this.#allowed.get(key);
    const description = before === undefined ? explain() : { ...before, ...this.#options.ends(flow) };
    if (description === undefined) return true;
    this.#allowed.set(key, description);
    this.#live.add(key);
    this.#flows.set(key, { packet: flow, description, first: span.from, last: span.to, packets: 0, bytes: 0, volume });
    return true;
  }

  /** The records of the window, which begins anew. */
  close(): FlowRecord[] {
    const flows = this.#flows;
    this.#flows = new Map();
    // Those of this window too: the next one tells whether their flows are still there.
    for (const key of this.#allowed.keys()) if (!this.#live.has(key) && !flows.has(key)) this.#allowed.delete(key);
    this.#live.clear();
    return [...flows.values()].map((flow) => recordOf(flow, this.#options.host));
  }
}

/** What is let through between strangers is none of our business. */
function isOurs({ verdict, because }: FlowDescription): boolean {
  return verdict !== 'Allow' || because.default !== 'no local endpoint';
}

function addVolumes(one: Volume | undefined, other: Volume): Volume {
  if (one === undefined) return other;
  return {
    packets: one.packets + other.packets,
    bytes: one.bytes + other.bytes,
    replyPackets: one.replyPackets + other.replyPackets,
    replyBytes: one.replyBytes + other.replyBytes,
  };
}

function keyOf(prefix: string, { source, destination, protocol, destinationPort, icmpType, icmpCode }: FlowIdentity): string {
  return `${prefix} ${source} ${destination} ${protocol} ${destinationPort ?? `${icmpType} ${icmpCode}`}`;
}

function recordOf({ packet, description, first, last, packets, bytes, volume }: OpenFlow, host: string): FlowRecord {
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
    // What the kernel counted has the first packets in it. Where it counts nothing, they are all that is known.
    ...(volume ?? { packets, bytes }),
    ...(verdict === 'Allow' && { connections: packets }),
  };
}
