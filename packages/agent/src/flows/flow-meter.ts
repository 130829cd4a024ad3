/** Reads what flows carry from the kernel, from the moment it is opened on: what was before, the agent before this one has told. */
import { setImmediate } from 'node:timers/promises';
import { Conntrack, EndedFlows, type Flow } from '@weir/kernel';
import { hasPorts, parseProtocol } from '@weir/resources';
import { countFlows } from '@weir/routing';
import { asPolicySeesIt } from '../dataplane/forbidden-flows.ts';
import type { FlowIdentity } from './flow-description.ts';
import { FlowVolumes, type Volume } from './flow-volumes.ts';

/** Flows that are looked at before other work gets its turn. */
const FLOWS_PER_TURN = 500;
/** Between two looks at those that ended, in milliseconds, and how many are taken at a look: 2 % of a core at most, however many end. */
const LOOK_INTERVAL = 500;
const ENDED_PER_LOOK = 1_000;

export interface FlowMeterOptions {
  /** Called with what a flow carried; with nothing, to say that it is still there. */
  onVolume: (flow: FlowIdentity, volume: Volume) => void;
  /** Called when flows ended faster than they were taken in: what they carried at last is not known. */
  onLost: () => void;
  /** Called when those that ended could not be read; it is tried again. */
  onFailure: (error: Error) => void;
}

export class FlowMeter {
  readonly #options: FlowMeterOptions;
  readonly #volumes = new FlowVolumes();
  readonly #conntrack: Conntrack;
  readonly #ended: EndedFlows;
  readonly #timer: NodeJS.Timeout;
  /** While the flows are listed no end is taken: an entry that the listing still has would seem to be a new one. */
  #isListing = false;

  /** In the namespace that the process is in. Throws KernelError. */
  static async open(options: FlowMeterOptions): Promise<FlowMeter> {
    countFlows();
    const conntrack = Conntrack.open();
    let ended: EndedFlows | undefined;
    try {
      ended = EndedFlows.open();
      const meter = new FlowMeter(options, conntrack, ended);
      await meter.#begin();
      return meter;
    } catch (error) {
      conntrack.close();
      ended?.close();
      throw error;
    }
  }

  private constructor(options: FlowMeterOptions, conntrack: Conntrack, ended: EndedFlows) {
    this.#options = options;
    this.#conntrack = conntrack;
    this.#ended = ended;
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#conntrack.close();
    this.#ended.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Tells what all flows carried until now. Not to be called again before it is done. Throws KernelError. */
  async read(): Promise<void> {
    await this.#list((flow, volume) => this.#tell(flow, volume));
    this.#take(ENDED_PER_LOOK);
  }

  async #begin(): Promise<void> {
    try {
      await this.#list(() => {});
      for (const flow of this.#ended.take().flows) this.#volumes.ended(flow);
    } catch (error) {
      clearInterval(this.#timer);
      throw error;
    }
  }

  async #list(told: (flow: Flow, volume: Volume) => void): Promise<void> {
    this.#isListing = true;
    try {
      const flows = await this.#conntrack.list();
      const now = performance.now();
      for (const [index, flow] of flows.entries()) {
        if (index > 0 && index % FLOWS_PER_TURN === 0) await setImmediate();
        const volume = this.#volumes.listed(flow, now);
        if (volume !== undefined) told(flow, volume);
      }
      this.#volumes.forgetLost(now);
    } finally {
      this.#isListing = false;
    }
  }

  #look(): void {
    if (this.#isListing) return;
    try {
      this.#take(ENDED_PER_LOOK);
    } catch (error) {
      this.#options.onFailure(error as Error);
    }
  }

  #take(limit: number): void {
    const { flows, isLost } = this.#ended.take(limit);
    if (isLost) this.#options.onLost();
    for (const flow of flows) {
      const volume = this.#volumes.ended(flow);
      if (volume !== undefined) this.#tell(flow, volume);
    }
  }

  #tell(flow: Flow, volume: Volume): void {
    this.#options.onVolume(identityOf(flow), volume);
  }
}

/** As the table tells of its first packet: connection tracking has ports also where other protocols have keys. */
function identityOf(tracked: Flow): FlowIdentity {
  const { source, destination, sourcePort, destinationPort, icmpType, icmpCode } = asPolicySeesIt(tracked);
  const { protocol } = tracked;
  const isOfPorts = protocol !== 0 && hasPorts(parseProtocol(protocol)) && sourcePort !== undefined && destinationPort !== undefined;
  return {
    source,
    destination,
    protocol,
    ...(isOfPorts && { sourcePort, destinationPort }),
    ...(icmpType !== undefined && icmpCode !== undefined && { icmpType, icmpCode }),
  };
}
