/** Pure: what flows carried since they were last looked at, from totals that the kernel counts since they began. Others may read these too: nothing is reset. */
import type { Flow } from '@weir/kernel';

export interface Volume {
  /** From who began the flow. */
  packets: number;
  bytes: number;
  /** To him. */
  replyPackets: number;
  replyBytes: number;
}

/** Flows that are remembered. What is beyond is told of when it ends. */
const MAX_FLOWS = 65_536;
/** How long one is remembered that is no longer listed and whose end was not told, in milliseconds: an end that comes later is that of a new flow. */
const PATIENCE = 60_000;

interface Known {
  total: Volume;
  /** When it was last listed, ms of the monotonic clock. */
  seen: number;
}

export class FlowVolumes {
  readonly #limit: number;
  #flows = new Map<string, Known>();

  constructor({ limit = MAX_FLOWS } = {}) {
    this.#limit = limit;
  }

  /**
   * Of a flow that is listed: what it carried since it was listed last, or since it began.
   *
   * @param now ms of the monotonic clock
   * @returns undefined when the kernel does not count it, or there is no room for it until it ends
   */
  listed(flow: Flow, now: number): Volume | undefined {
    const total = totalOf(flow);
    if (total === undefined) return undefined;
    const key = keyOf(flow);
    const known = this.#flows.get(key);
    if (known === undefined && this.#flows.size >= this.#limit) return undefined;
    this.#flows.set(key, { total, seen: now });
    return since(known?.total, total);
  }

  /** Of a flow that is over: what it carried since it was listed last. It is forgotten. */
  ended(flow: Flow): Volume | undefined {
    const total = totalOf(flow);
    const key = keyOf(flow);
    const known = this.#flows.get(key);
    this.#flows.delete(key);
    return total && since(known?.total, total);
  }

  /** After a listing: forgets those whose end nobody told of. */
  forgetLost(now: number): void {
    for (const [key, { seen }] of this.#flows) if (now - seen > PATIENCE) this.#flows.delete(key);
  }

  get size(): number {
    return this.#flows.size;
  }
}

/** The kernel makes its number of an entry from where it lies in memory and its tuple: with little of the tuple no two live ones are alike. */
function keyOf({ id, original: { source, sourcePort, icmpId } }: Flow): string {
  return `${id} ${source} ${sourcePort ?? icmpId}`;
}

function totalOf({ counts }: Flow): Volume | undefined {
  if (counts === undefined) return undefined;
  const { original, reply } = counts;
  return { packets: original.packets, bytes: original.bytes, replyPackets: reply.packets, replyBytes: reply.bytes };
}

/** Totals only grow: where one is smaller it is another flow, or somebody reset the counters. */
function since(before: Volume | undefined, total: Volume): Volume {
  if (before === undefined) return total;
  const isAnother =
    total.packets < before.packets ||
    total.bytes < before.bytes ||
    total.replyPackets < before.replyPackets ||
    total.replyBytes < before.replyBytes;
  if (isAnother) return total;
  return {
    packets: total.packets - before.packets,
    bytes: total.bytes - before.bytes,
    replyPackets: total.replyPackets - before.replyPackets,
    replyBytes: total.replyBytes - before.replyBytes,
  };
}
