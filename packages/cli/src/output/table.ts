import { printable } from './printable.ts';

export interface Column<Row> {
  header: string;
  value(row: Row): string;
  align?: 'left' | 'right';
  /** May lose its end when the terminal is too narrow. */
  shrinks?: boolean;
}

/** Blanks between columns, as many as kubectl leaves. */
const GAP = 3;
/** No column is cut below this: what is left of a text must still tell it from others. */
const NARROWEST = 8;

/**
 * Rows as text, a header line first, without borders, each line ending in a newline.
 * @param width of the terminal in characters; Infinity when the text goes to a file or another program, which wants all of it.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string {
  return new GrowingTable(columns, width).add(rows);
}

/** A table whose later rows are not known when the first are printed: columns get wider when they must, never narrower. */
export class GrowingTable<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #width: number;
  #natural: number[];
  #begun = false;

  constructor(columns: readonly Column<Row>[], width: number) {
    this.#columns = columns;
    this.#width = width;
    this.#natural = columns.map(({ header }) => length(header));
  }

  /** The rows as text; the first time with the header line. */
  add(rows: readonly Row[]): string {
    const lines = rows.map((row) => this.#columns.map((column) => printable(column.value(row))));
    for (const line of lines) this.#natural = this.#natural.map((width, index) => Math.max(width, length(line[index]!)));
    if (!this.#begun) lines.unshift(this.#columns.map(({ header }) => header));
    this.#begun = true;
    return renderLines(this.#columns, lines, fit(this.#columns, this.#natural, this.#width));
  }
}

/** Widths of at most `width` characters in all, as far as the columns that may shrink allow. The widest gives way first. */
function fit<Row>(columns: readonly Column<Row>[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, columnWidth) => sum + columnWidth, 0) + GAP * (widths.length - 1) - width;
  for (; excess > 0; excess--) {
    const [widest] = columns
      .map((column, index) => ({
        index,
        width: widths[index]!,
        least: column.shrinks ? Math.max(NARROWEST, column.header.length) : Number.POSITIVE_INFINITY,
      }))
      .filter((column) => column.width > column.least)
      .sort((left, right) => right.width - left.width || right.index - left.index);
    if (widest === undefined) break;
    widths[widest.index]!--;
  }
  return widths;
}

function renderLines<Row>(columns: readonly Column<Row>[], lines: readonly (readonly string[])[], widths: readonly number[]): string {
  const gap = ' '.repeat(GAP);
  return lines
    .map((line) =>
      line
        .map((text, index) => pad(shorten(text, widths[index]!), widths[index]!, columns[index]!.align))
        .join(gap)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** In code points: names, labels and addresses are ASCII, and a stray wide letter in an annotation may cost a blank. */
function length(text: string): number {
  return [...text].length;
}

function shorten(text: string, width: number): string {
  return length(text) <= width ? text : `${[...text].slice(0, width - 1).join('')}…`;
}

function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - length(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** The width for `renderTable`: the terminal's, or COLUMNS where there is none but the user has set it, else unlimited. */
export function terminalWidth(stdout: { columns?: number } = process.stdout, env: NodeJS.ProcessEnv = process.env): number {
  if (stdout.columns !== undefined && stdout.columns > 0) return stdout.columns;
  const columns = Number(env.COLUMNS);
  return columns > 0 ? columns : Number.POSITIVE_INFINITY;
}
