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

/** Asks every target from every source but itself, all at once, by HTTP and ping. An answer from the wrong container counts as none. */
export function measureMatrix(sources: Source[], targets: Target[]): Promise<Cell[]> {
  const pairs = sources.flatMap((source) => targets.filter(({ label }) => label !== source.label).map((target) => ({ source, target })));
  return Promise.all(pairs.map(({ source, target }) => measureCell(source, target)));
}

async function measureCell(source: Source, { label, addresses, body }: Target): Promise<Cell> {
  const answers = await Promise.all(
    addresses.map(async (address) => {
      const [http, ping] = await Promise.all([source.probe.http(urlOf(address)), source.probe.ping(address)]);
      return { http: http.ok && http.body === body, ping };
    }),
  );
  return {
    source: source.label,
    target: label,
    addresses,
    http: addresses.filter((_, index) => answers[index]!.http),
    ping: addresses.filter((_, index) => answers[index]!.ping),
  };
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
