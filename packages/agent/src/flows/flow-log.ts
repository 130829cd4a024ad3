/** What the table of this host tells of packets: read as it comes, kept as flows for an hour, told to who asks, counted for metrics. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '@weir/datastore';
import { type LoggedPacket, NftCounters, PacketLog } from '@weir/kernel';
import { DENIALS, type Muted, PACKET_LOG_GROUP } from '@weir/policy';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Floods } from './floods.ts';
import { FlowAnswers } from './flow-answers.ts';
import { describeAllowed, describeFlow, flowEnds, type Policy } from './flow-description.ts';
import { FlowMemory } from './flow-memory.ts';
import { FlowMeter } from './flow-meter.ts';
import { FlowWindow } from './flow-window.ts';

/** Length of a window, in milliseconds. */
const WINDOW = 10_000;

export interface FlowLogOptions {
  host: string;
  store: Store;
  policy: Policy;
  /** Called with all that are to be told of no more for now. */
  mute: (whom: Muted) => void;
  log: Logger;
  metrics: Metrics;
}

/** Keeps flow records until the signal. Whoever else listens to the group is waited for. */
export async function keepFlows(options: FlowLogOptions, signal: AbortSignal): Promise<void> {
  const flows = new FlowLog(options);
  await Promise.all([flows.listen(signal), flows.keepWindows(signal), flows.answers.run(signal)]);
}

class FlowLog {
  readonly answers: FlowAnswers;
  readonly #memory = new FlowMemory(Date.now());
  readonly #window: FlowWindow;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #mute: FlowLogOptions['mute'];
  readonly #policy: Policy;
  #meter: FlowMeter | undefined;
  /** The window, ms since 1970. */
  #began = Date.now();
  #closing: Promise<void> | undefined;
  readonly #floods = new Floods();
  /** Packets of each chain when it was last read. */
  readonly #counted = new Map<string, number>();

  constructor({ host, store, policy, mute, log, metrics }: FlowLogOptions) {
    this.#log = log;
    this.#metrics = metrics;
    this.#mute = mute;
    this.#policy = policy;
    this.#window = new FlowWindow({
      host,
      describe: (packet, cause) => describeFlow(packet, cause, policy),
      ends: (flow) => flowEnds(flow, policy),
    });
    this.answers = new FlowAnswers({ store, host, memory: this.#memory, remember: () => this.#closeWindow(), log });
  }

  async listen(signal: AbortSignal): Promise<void> {
    let isTold = false;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(signal);
        isTold = false;
      } catch (error) {
        if (!isTold) this.#log.error({ err: error, group: PACKET_LOG_GROUP }, 'flows cannot be recorded; trying again');
        isTold = true;
      }
      await delay(WINDOW, undefined, { signal }).catch(() => {});
    }
  }

  async #listenOnce(signal: AbortSignal): Promise<void> {
    const failed = Promise.withResolvers<void>();
    using _packets = PacketLog.open({
      group: PACKET_LOG_GROUP,
      onPackets: (packets) => {
        const now = Date.now();
        for (const packet of packets) this.#add(packet, now);
      },
      onLost: () => this.#metrics.flowPacketsLost.inc(),
      // From a poll nothing that a promise leads to would go on: see `monitor`.
      onFailure: (error) => setImmediate(() => failed.reject(error)),
    });
    signal.addEventListener('abort', () => failed.resolve(), { once: true });
    await failed.promise;
  }

  #add(packet: LoggedPacket, now: number): void {
    const muted = this.#floods.add(packet);
    if (muted === undefined) {
      if (!this.#window.add(packet, now)) this.#metrics.flowPacketsLost.inc();
    } else if (muted !== 'nobody') {
      (muted === 'source' ? this.#metrics.mutedSources : this.#metrics.mutedDestinations).inc();
      this.#mute(this.#floods);
    }
  }

  /** With each window everybody is heard again, so that of who floods there is a record as long as it does. */
  #unmute(): void {
    if (this.#floods.clear()) this.#mute(this.#floods);
  }

  async keepWindows(signal: AbortSignal): Promise<void> {
    using counters = NftCounters.open();
    try {
      while (!signal.aborted) await this.#keepWindow(counters, signal);
    } finally {
      await this.#closing;
      this.#meter?.close();
      this.#meter = undefined;
    }
  }

  async #keepWindow(counters: NftCounters, signal: AbortSignal): Promise<void> {
    await this.#openMeter();
    try {
      this.#count(counters);
    } catch (error) {
      this.#log.warn({ err: error }, 'the counters of denied packets could not be read');
    }
    await delay(WINDOW, undefined, { signal }).catch(() => {});
    await this.#closeWindow();
    this.#unmute();
  }

  /** Without it flows are told of with their first packets alone. */
  async #openMeter(): Promise<void> {
    try {
      this.#meter ??= await FlowMeter.open({
        onVolume: (flow, volume) => {
          const isTaken = this.#window.addVolume(flow, volume, { from: this.#began, to: Date.now() }, () =>
            describeAllowed(flow, this.#policy),
          );
          if (!isTaken) this.#metrics.flowPacketsLost.inc();
        },
        onLost: () => this.#metrics.flowEndsLost.inc(),
        onFailure: (error) => this.#log.warn({ err: error }, 'flows that ended could not be read'),
      });
    } catch (error) {
      this.#log.warn({ err: error }, 'what flows carry cannot be counted; trying again');
    }
  }

  /** Who asks meanwhile waits for the same. */
  #closeWindow(): Promise<void> {
    this.#closing ??= this.#closeNow().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  async #closeNow(): Promise<void> {
    try {
      await this.#meter?.read();
    } catch (error) {
      this.#log.warn({ err: error }, 'what flows carry could not be read');
    }
    const records = this.#window.close();
    this.#began = Date.now();
    for (const { verdict } of records) this.#metrics.flowRecords.inc({ verdict });
    this.#memory.add(records, Date.now());
    this.answers.tell(records);
  }

  /** Counters begin anew when somebody takes the table away, or an agent loads another. */
  #count(counters: NftCounters): void {
    for (const [denial, chain] of Object.entries(DENIALS)) {
      const { packets } = counters.read({ family: 'inet', table: 'weir' }, chain);
      const before = this.#counted.get(chain);
      this.#counted.set(chain, packets);
      // What was there before this agent, its predecessor has counted.
      if (before !== undefined) this.#metrics.deniedPackets.inc({ reason: denial }, packets < before ? packets : packets - before);
    }
  }
}
