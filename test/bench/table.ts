/** What every bench prints: a table for people, or with `--json` one object for machines. Ratios are against a peer of the same run. */
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Row {
  name: string;
  value: number;
  unit: string;
  /** What it is compared with, and the ratio value / peer. */
  peer?: string;
  ratio?: number;
  /** Interquartile range of the samples' ratios. */
  ratioSpread?: number;
  /** Interquartile range of the samples, in the same unit. */
  spread?: number;
}

/** Repeated measurements of one thing; the samples of what is compared with it were taken in turn, so that equal positions belong together. */
export interface Series {
  name: string;
  unit: string;
  samples: number[];
}

/**
 * The median of a series. Its ratio to a peer is the median of the ratios sample by sample: what else the machine does at a moment meets
 * both samples of a pair.
 */
export function medianRow({ name, unit, samples }: Series, peer?: Series): Row {
  const row = { name, value: median(samples), unit, spread: spread(samples) };
  if (peer === undefined) return row;
  const ratios = samples.map((sample, index) => sample / peer.samples[index]!);
  return { ...row, peer: peer.name, ratio: median(ratios), ratioSpread: spread(ratios) };
}

/** Of a minute: how many processes run or want to. */
const readLoad = (): number => Math.round(loadavg()[0]! * 10) / 10;

const loadBefore = readLoad();

/** Prints the rows; the last thing that a bench does. `loadBefore` is what the machine had to do without the bench, which is part of `load`. */
export function report(bench: string, rows: Row[]): void {
  const [model, cores, load] = [cpus()[0]?.model ?? 'unknown', cpus().length, readLoad()];
  if (process.argv.includes('--json')) {
    const machine = { cpu: model, cores, memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release(), loadBefore, load };
    console.log(JSON.stringify({ bench, machine, rows }));
    return;
  }
  console.log(`\nbench:${bench} on ${cores} × ${model}, Linux ${release()}, load ${loadBefore} before and ${load} after`);
  const cells = rows.map((row) => [
    row.name,
    `${round(row.value)} ${row.unit}`,
    row.ratio === undefined ? '' : `${row.ratio.toFixed(2)}×${row.ratioSpread === undefined ? '' : ` ± ${row.ratioSpread.toFixed(2)}`}`,
    row.peer === undefined ? '' : `of ${row.peer}`,
    row.spread === undefined ? '' : `± ${round(row.spread)}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((cell) => cell[column]!.length)));
  for (const cell of cells) console.log(`  ${cell.map((text, column) => text.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}

/** Says on stderr how far a bench is: stdout is for its result. */
export function progress(step: string): void {
  console.error(`- ${step}`);
}

const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** The value below which the given share (0 to 1) of the samples lies. */
export function quantile(samples: number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

export const median = (samples: number[]): number => quantile(samples, 0.5);

export const spread = (samples: number[]): number => quantile(samples, 0.75) - quantile(samples, 0.25);
