/**
 * Learns what names stand for from the DNS answers of this host's containers. An answer waits in a queue of the kernel until what it says
 * is in force, so that the container's first connection finds its way open. While no agent runs, answers pass and nothing is learnt.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PacketQueue } from '@weir/kernel';
import { DNS_QUEUE } from '@weir/policy';
import type { Logger } from '../log.ts';
import { type DnsMessage, decodeAnswer, decodeDnsMessage } from './dns-message.ts';
import type { ResolvedNames } from './resolved-names.ts';

/** How long an answer is waited for, ms, and how many of one container at most. */
const PATIENCE = 15_000;
const AWAITED = 2048;
/** Between two looks at whose time is over, ms. */
const INTERVAL = 2_000;

export interface DnsLearnerOptions {
  names: ResolvedNames;
  /** Key of the endpoint of this host that has an address. */
  endpointAt: (address: string) => string | undefined;
  /** Puts in force what was learnt. Returns when it is; throws when it could not be. */
  apply: () => void;
  /** The connections that there are, as source and destination. */
  connections: () => Promise<ReadonlySet<string>>;
  addressesOf: (endpoint: string) => readonly string[];
  log: Logger;
}

export class DnsLearner {
  readonly #options: DnsLearnerOptions;
  /** By client, what was asked, and when, ms: one that asks ever more forgets its own. */
  readonly #asked = new Map<string, Map<string, number>>();
  #saving: NodeJS.Immediate | undefined;

  constructor(options: DnsLearnerOptions) {
    this.#options = options;
  }

  /** Until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    let queue: PacketQueue | undefined;
    let complained = false;
    while (!signal.aborted) {
      try {
        queue ??= PacketQueue.open({
          number: DNS_QUEUE,
          onPacket: (packet) => this.take(packet),
          onFailure: (error) => {
            log.error({ err: error }, 'DNS answers pass without being looked at');
            queue = undefined;
          },
        });
        complained = false;
      } catch (error) {
        if (!complained) log.error({ err: error }, 'DNS answers cannot be looked at: rules with domains allow only what was learnt before');
        complained = true;
      }
      await delay(INTERVAL, undefined, { signal }).catch(() => {});
      this.#forgetUnanswered();
      await this.#expire().catch((error: Error) => log.error({ err: error }, 'names whose time is over stay for now'));
      this.#save();
    }
    queue?.close();
  }

  /** Looks at a packet, from its IP header on. */
  take(packet: Buffer): void {
    const message = decodeDnsMessage(packet);
    if (message === undefined) return;
    if (!message.isAnswer) {
      this.#ask(message);
      return;
    }
    // What was not asked for is not believed: anybody can send a packet that looks like an answer.
    if (!this.#asked.get(message.client)?.delete(message.exchange)) return;
    this.#learn(message.client, message);
  }

  /** Looks at an answer that this host is about to give a container over TCP, which no queue sees. */
  takeAnswer(client: string, answer: Buffer): void {
    const told = decodeAnswer(answer);
    if (told !== undefined) this.#learn(client, told);
  }

  #learn(client: string, told: Pick<DnsMessage, 'names' | 'addresses'>): void {
    const { names, endpointAt, apply, log } = this.#options;
    const endpoint = endpointAt(client);
    if (endpoint === undefined || !names.learn(endpoint, told)) return;
    log.debug({ endpoint, names: told.names, addresses: told.addresses }, 'DNS told a container what a name stands for');
    this.#saving ??= setImmediate(() => {
      this.#saving = undefined;
      this.#save();
    });
    try {
      apply();
    } catch {
      // Logged, shown by readiness, and tried again by reconciliation.
    }
  }

  #ask({ client, exchange }: DnsMessage): void {
    const now = performance.now();
    const asked = this.#asked.get(client) ?? new Map<string, number>();
    this.#asked.set(client, asked);
    asked.delete(exchange);
    asked.set(exchange, now);
    for (const [oldest, since] of asked) {
      if (asked.size <= AWAITED && now - since < PATIENCE) return;
      asked.delete(oldest);
    }
  }

  /** Who asks no more is not remembered for it. */
  #forgetUnanswered(): void {
    const now = performance.now();
    for (const [client, asked] of this.#asked) {
      for (const [exchange, since] of asked) {
        if (now - since < PATIENCE) break;
        asked.delete(exchange);
      }
      if (asked.size === 0) this.#asked.delete(client);
    }
  }

  /** A connection that outlives its name keeps its address: to look at it again, when policy changes say, is not to cut it. */
  async #expire(): Promise<void> {
    const { names, connections, addressesOf, apply } = this.#options;
    if (!names.isAnythingOver) return;
    const all = await connections();
    const isInUse = (endpoint: string, address: string) => addressesOf(endpoint).some((own) => all.has(`${own} ${address}`));
    if (names.expire(isInUse)) apply();
  }

  #save(): void {
    try {
      this.#options.names.save();
    } catch (error) {
      this.#options.log.error({ err: error }, 'what names stand for could not be saved: after a restart containers have to ask again');
    }
  }
}
