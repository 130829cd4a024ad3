/** What every bench prints: a table for people, or with `--json` one object for machines. Ratios are against a peer of the same run. */
import { cpus, release, totalmem } from 'node:os';

export interface Row {
  name: string;
  value: number;
  unit: string;
  /** What it is compared with, and the ratio value / peer. */
  peer?: string;
  ratio?: number;
  /** Interquartile range of the samples, in the same unit. */
  spread?: number;
}

export function report(bench: string, rows: Row[]): void {
  if (process.argv.includes('--json')) {
    const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release() };
    console.log(JSON.stringify({ bench, machine, rows }));
    return;
  }
  console.log(`\nbench:${bench}`);
  const cells = rows.map((row) => [
    row.name,
    `${round(row.value)} ${row.unit}`,
    row.ratio === undefined ? '' : `${row.ratio.toFixed(2)}×`,
    row.peer === undefined ? '' : `of ${row.peer}`,
    row.spread === undefined ? '' : `± ${round(row.spread)}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((cell) => cell[column]!.length)));
  for (const cell of cells) console.log(`  ${cell.map((text, column) => text.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}

const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** The value below which the given share (0 to 1) of the samples lies. */
export function quantile(samples: number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

export const median = (samples: number[]): number => quantile(samples, 0.5);

export const spread = (samples: number[]): number => quantile(samples, 0.75) - quantile(samples, 0.25);
