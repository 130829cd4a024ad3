import { spawn } from 'node:child_process';
import { inNamespace } from '@weir/kernel';
import { LineProcess } from '@weir/lab';

const PROGRAM = new URL('./traffic-process.ts', import.meta.url).pathname;

/** Where a packet goes, and from which of the sender's addresses when not from its own. */
export interface Target {
  address: string;
  port: number;
  source?: string;
}

/** Times are CLOCK_MONOTONIC's milliseconds, as `monotonicMs()` of the lab. */
export interface StreamState {
  /** Questions that were answered, all on one connection. */
  answered: number;
  lastAnswerAt: number;
  /** Between two answers since the last look. */
  longestGapMs: number;
  /** Why the connection is over, if it is. */
  ended?: string;
}

export interface AttemptsState {
  tried: number;
  /** Connections that were made: on the way there and back. */
  through: number;
  /** Those that are given up: nothing came back within a second, or a refusal did. */
  failed: number;
}

export type TrafficRequest =
  | { operation: 'listen'; tcp: number[]; udp: number[] }
  | ({ operation: 'tcp' | 'udp'; timeoutMs: number } & Target)
  | { operation: 'ping'; address: string }
  | ({ operation: 'refusal'; protocol: 'tcp' | 'udp'; timeoutMs: number } & Target)
  | ({ operation: 'stream'; name: string; bytes?: number } & Target)
  | ({ operation: 'datagrams' } & Target)
  | { operation: 'stream-state'; name: string }
  | ({ operation: 'attempts'; name: string } & Target)
  | { operation: 'attempts-state'; name: string }
  | { operation: 'heard' }
  | { operation: 'retransmissions' };

/** How long a forbidden packet is waited for; an allowed one takes well under a millisecond. */
const SILENCE_MS = 500;

/** Sends, answers and counts packets in one network namespace: a process of its own, which ends with this one. */
export class Traffic {
  readonly #process: LineProcess;

  /** @param namespace path of the network namespace */
  constructor(what: string, namespace: string) {
    this.#process = new LineProcess(`traffic of ${what}`, () =>
      inNamespace(namespace, () => spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })),
    );
  }

  /** Answers everything that comes in on these ports, over IPv4 and IPv6, with the same. */
  listen({ tcp = [], udp = [] }: { tcp?: number[]; udp?: number[] }): Promise<void> {
    return this.#ask({ operation: 'listen', tcp, udp });
  }

  /** One new connection. @returns whether something that was sent over it came back */
  tcp(target: Target & { timeoutMs?: number }): Promise<boolean> {
    return this.#ask({ operation: 'tcp', timeoutMs: SILENCE_MS, ...target });
  }

  /** @returns whether a datagram came back */
  udp(target: Target & { timeoutMs?: number }): Promise<boolean> {
    return this.#ask({ operation: 'udp', timeoutMs: SILENCE_MS, ...target });
  }

  /** What the sender is told when nobody takes its packet: `ECONNREFUSED`, say; undefined when it is told nothing. */
  async refusal(protocol: 'tcp' | 'udp', target: Target): Promise<string | undefined> {
    const told = await this.#ask<string | null>({ operation: 'refusal', protocol, timeoutMs: SILENCE_MS, ...target });
    return told ?? undefined;
  }

  /** One echo request. */
  ping(address: string): Promise<boolean> {
    return this.#ask({ operation: 'ping', address });
  }

  /**
   * Opens one connection and asks over it again and again, until it is over; returns after the first answer.
   * @param target.bytes length of each question, and so of each answer: 1 by default
   */
  stream(name: string, target: Target & { bytes?: number }): Promise<void> {
    return this.#ask({ operation: 'stream', name, ...target });
  }

  /** Sends datagrams out of one socket until the process ends. @returns its port */
  datagrams(target: Target): Promise<number> {
    return this.#ask({ operation: 'datagrams', ...target });
  }

  streamState(name: string): Promise<StreamState> {
    return this.#ask({ operation: 'stream-state', name });
  }

  /** Begins a new connection every few milliseconds, until the process ends. */
  attempts(name: string, target: Target): Promise<void> {
    return this.#ask({ operation: 'attempts', name, ...target });
  }

  attemptsState(name: string): Promise<AttemptsState> {
    return this.#ask({ operation: 'attempts-state', name });
  }

  /** From which addresses datagrams came. */
  heard(): Promise<string[]> {
    return this.#ask({ operation: 'heard' });
  }

  /** TCP segments that this network namespace has sent again: not one, when no packet was lost. */
  retransmissions(): Promise<number> {
    return this.#ask({ operation: 'retransmissions' });
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  #ask<Reply>(request: TrafficRequest): Promise<Reply> {
    return this.#process.request<Reply>(request);
  }
}
