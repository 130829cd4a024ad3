import { isIPv6 } from 'node:net';
import type { Probe } from '../probe/probe.ts';

export interface Source {
  label: string;
  probe: Pick<Probe, 'http' | 'ping'>;
}

export interface Target {
  label: string;
  /** One per family. */
  addresses: string[];
  /** What it answers to GET / on port 80. */
  body: string;
}

/** Which of a target's addresses answered. */
export interface Cell {
  source: string;
  target: string;
  addresses: string[];
  http: string[];
  ping: string[];
}

/** How long an answer may take. What did not answer is asked once more, with patience: a busy machine is no policy. */
const PATIENCE_MS = [1000, 3000];

/** Asks every target from every source but itself, all at once, by HTTP and ping. An answer from the wrong container counts as none. */
export function measureMatrix(sources: Source[], targets: Target[]): Promise<Cell[]> {
  const pairs = sources.flatMap((source) => targets.filter(({ label }) => label !== source.label).map((target) => ({ source, target })));
  return Promise.all(pairs.map(({ source, target }) => measureCell(source, target)));
}

async function measureCell({ label: source, probe }: Source, { label: target, addresses, body }: Target): Promise<Cell> {
  const answering = async (ask: (address: string, timeoutMs: number) => Promise<boolean>) => {
    const answers = await Promise.all(addresses.map((address) => askPatiently((timeoutMs) => ask(address, timeoutMs))));
    return addresses.filter((_, index) => answers[index]);
  };
  const [http, ping] = await Promise.all([
    answering(async (address, timeoutMs) => {
      const reply = await probe.http(urlOf(address), { timeoutMs });
      return reply.ok && reply.body === body;
    }),
    answering((address, timeoutMs) => probe.ping(address, { timeoutMs })),
  ]);
  return { source, target, addresses, http, ping };
}

async function askPatiently(ask: (timeoutMs: number) => Promise<boolean>): Promise<boolean> {
  for (const timeoutMs of PATIENCE_MS) if (await ask(timeoutMs)) return true;
  return false;
}

export function urlOf(address: string): string {
  return `http://${isIPv6(address) ? `[${address}]` : address}/`;
}

/** The cells in which any address did otherwise than `allowed` says. */
export function unexpectedCells(cells: Cell[], allowed: (source: string, target: string) => boolean): Cell[] {
  return cells.filter(({ source, target, addresses, http, ping }) => {
    const wanted = allowed(source, target) ? addresses.length : 0;
    return http.length !== wanted || ping.length !== wanted;
  });
}
