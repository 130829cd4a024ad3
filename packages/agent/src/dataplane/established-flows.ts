/**
 * Cuts established flows that policy no longer allows. Beside everything else, as it takes a while: the kernel walks its whole
 * connection table for a listing (10 ms for the 262,144 buckets of a big machine, however few flows there are), and there may be
 * tens of thousands to judge.
 */
import { networkInterfaces } from 'node:os';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Conntrack, Flow as TrackedFlow } from '@weir/kernel';
import type { UdpSockets } from '@weir/policy';
import type { HostSocket } from '@weir/resources';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { isForbidden, type Judge, type Suspects } from './forbidden-flows.ts';

/** Flows that are judged before other work gets its turn. */
const FLOWS_PER_TURN = 500;
/**
 * Changes come in bursts, and one listing is to serve a burst. And most kernels do not let go of the core while they list: that is not
 * to hold up what of the change is still on its way.
 */
const GATHERING_MS = 10;
/** A round is followed by a pause of so many times its length, so that steady change costs a quarter of one core at most. */
const PAUSE_FACTOR = 3;
/** After a round that failed. */
const RETRY_MS = 1000;

export interface EstablishedFlowsOptions extends Judge {
  conntrack: Pick<Conntrack, 'list' | 'delete'>;
  /** Called when a round failed: those that it was for are judged again by the next one. */
  onFailure: (error: Error) => void;
  log: Logger;
  metrics: Pick<Metrics, 'flowsCut'>;
}

export class EstablishedFlows {
  readonly #options: EstablishedFlowsOptions;
  #narrowed = new Set<string>();
  #gone = new Set<string>();
  #mapped: HostSocket[] = [];
  #forwarded = false;
  #services: UdpSockets = new Map();
  /** Resolves when those that are noted now have been judged. */
  #next: PromiseWithResolvers<void> | undefined;
  #isRunning = false;
  #isClosed = false;

  constructor(options: EstablishedFlowsOptions) {
    this.#options = options;
  }

  /**
   * Has the flows of some addresses, host ports and services judged. To be called after the rules were switched: what is cut then cannot come back.
   * @returns resolves when that is done; one listing serves all that were noted before it
   */
  judge(suspects: {
    narrowed?: Iterable<string>;
    gone?: Iterable<string>;
    mapped?: Iterable<HostSocket>;
    forwarded?: boolean;
    services?: UdpSockets;
  }): Promise<void> {
    this.#note(suspects);
    if (this.#next === undefined) return Promise.resolve();
    const { promise } = this.#next;
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  #note({
    narrowed = [],
    gone = [],
    mapped = [],
    forwarded = false,
    services = new Map(),
  }: Parameters<EstablishedFlows['judge']>[0]): void {
    for (const address of narrowed) this.#narrowed.add(address);
    for (const address of gone) this.#gone.add(address);
    this.#mapped.push(...mapped);
    this.#forwarded ||= forwarded;
    for (const [name, socket] of services) this.#services.set(name, socket);
    const count = this.#narrowed.size + this.#gone.size + this.#mapped.length + this.#services.size;
    if (count > 0 || this.#forwarded) this.#next ??= Promise.withResolvers<void>();
  }

  /** What has not been listed yet stays unjudged; what is being judged is let finish. */
  close(): void {
    this.#isClosed = true;
    this.#next?.resolve();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#next !== undefined && !this.#isClosed) {
      await delay(GATHERING_MS);
      const started = performance.now();
      const { resolve } = this.#next;
      const [narrowed, gone, mapped, services] = [this.#narrowed, this.#gone, this.#mapped, this.#services];
      const suspects = { narrowed, gone, mapped, forwarded: this.#forwarded, services, hostAddresses: new LocalAddresses() };
      this.#forwarded = false;
      [this.#next, this.#narrowed, this.#gone, this.#mapped, this.#services] = [undefined, new Set(), new Set(), [], new Map()];
      let pause = 0;
      try {
        await this.#cut(suspects);
      } catch (error) {
        // What has become of a service since counts.
        this.#note({ ...suspects, services: new Map([...services, ...this.#services]) });
        pause = RETRY_MS;
        this.#options.onFailure(error as Error);
      }
      resolve();
      await delay(Math.max(pause, PAUSE_FACTOR * (performance.now() - started)));
    }
    this.#isRunning = false;
  }

  async #cut(suspects: Suspects): Promise<void> {
    const { conntrack, log, metrics } = this.#options;
    const tracked = await conntrack.list();
    let cut = 0;
    for (let from = 0; from < tracked.length; from += FLOWS_PER_TURN) {
      if (from > 0) await setImmediate();
      const forbidden = tracked
        .slice(from, from + FLOWS_PER_TURN)
        .filter((flow: TrackedFlow) => isForbidden(flow, suspects, this.#options));
      if (forbidden.length > 0) cut += conntrack.delete(forbidden);
    }
    if (cut === 0) return;
    metrics.flowsCut.inc(cut);
    log.info({ flows: cut }, 'established flows were cut: policy no longer allows them, or where they lead is gone');
  }
}

/** Of the namespace that the process is in. Listed when first asked for: with a thousand containers that takes 2 ms, and few rounds need it. */
class LocalAddresses {
  #all: Set<string> | undefined;

  has(address: string): boolean {
    this.#all ??= new Set(Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map((one) => one.address)));
    return this.#all.has(address);
  }
}
