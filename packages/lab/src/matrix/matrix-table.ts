import { isIPv6 } from 'node:net';
import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { Cell } from './matrix.ts';

/** The matrix as text: a row for each source, a column for each target, in each cell HTTP and ping. */
export function formatMatrix(cells: Cell[]): string {
  const sources = [...new Set(cells.map(({ source }) => source))];
  const targets = [...new Set(cells.map(({ target }) => target))].sort((left, right) => order(sources, left) - order(sources, right));
  const table = new Table({
    head: ['from \\ to', ...targets],
    colAligns: ['left', ...targets.map(() => 'center' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const source of sources)
    table.push([
      source,
      ...targets.map((target) => {
        const cell = cells.find((candidate) => candidate.source === source && candidate.target === target);
        return cell ? `${mark(cell, cell.http)} ${mark(cell, cell.ping)}` : '·';
      }),
    ]);
  return table.toString();
}

/** `13 of 20 pairs …` */
export function summarizeMatrix(cells: Cell[]): string {
  const through = cells.filter(({ http, addresses }) => http.length === addresses.length).length;
  const ping = cells.filter((cell) => cell.ping.length === cell.addresses.length).length;
  return `HTTP: ${through} of ${cells.length} pairs, ping: ${ping} of ${cells.length}. Each cell: HTTP, ping, over ${familiesOf(cells)}.`;
}

function mark({ addresses }: Cell, answered: string[]): string {
  if (answered.length === addresses.length) return styleText('green', '✓');
  if (answered.length === 0) return styleText('red', '✗');
  return styleText('yellow', answered.map((address) => (isIPv6(address) ? 'v6' : 'v4')).join('+'));
}

function familiesOf(cells: Cell[]): string {
  const addresses = cells.flatMap((cell) => cell.addresses);
  return addresses.some(isIPv6) ? 'IPv4 and IPv6' : 'IPv4';
}

/** Targets stand in the order of the sources; those that are no source come first. */
function order(sources: string[], label: string): number {
  return sources.indexOf(label);
}
