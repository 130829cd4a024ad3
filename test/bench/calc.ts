/**
 * `npm run bench:calc`: the calculation alone, without store and kernel: from objects to the first table, and from a changed object to what
 * changes of the table. A cluster of 10,000 policies with 1,000 and with 100,000 endpoints, 100 of them on the host that is calculated
 * for, the two in turn; and lists of 100,000 and 1,000,000 CIDRs in network sets. `-- --only cluster` or `list` takes only these.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { Case, FirstTable, Turn } from './calc-case.ts';
import { median, medianRow, progress, quantile, type Row, report, type Series } from './table.ts';

const POLICIES = 10_000;
const ENDPOINTS = [1000, 100_000] as const;
const MEMBERS = [100_000, 1_000_000] as const;
const TARGET = { first: 5000, memory: 1024 };
/** Of each kind of change. A turn is short enough that what else the machine does meets both sizes. */
const TURNS = 60;
const ROUNDS = 20;
/** Agents live for weeks: their code is compiled. */
const WARM_UP_TURNS = 10;

const { only } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean' } } }).values;
const rows: Row[] = [];
if (only !== 'list') rows.push(...(await clusterRows()));
if (only !== 'cluster') rows.push(...(await listRows()));
report('calc', rows);

async function clusterRows(): Promise<Row[]> {
  const cases: Measurable[] = [];
  try {
    for (const endpoints of ENDPOINTS) {
      const name = `${count(POLICIES)} policies, ${count(endpoints)} endpoints`;
      cases.push(await start(name, { kind: 'cluster', size: { policies: POLICIES, endpoints } }));
    }
    return [...cases.flatMap(firstRows), ...(await changeRows(cases))];
  } finally {
    for (const { child } of cases) child.disconnect();
  }
}

async function listRows(): Promise<Row[]> {
  const found: Row[] = [];
  for (const form of ['nets', 'single addresses'] as const) {
    for (const members of MEMBERS) {
      const measurable = await start(`${count(members)} ${form}`, { kind: 'list', form, count: members });
      try {
        found.push(...firstRows(measurable), ...(await changeRows([measurable])));
      } finally {
        measurable.child.disconnect();
      }
    }
  }
  return found;
}

/** A case in its process, which waits to be told what to change. */
interface Measurable {
  name: string;
  child: ChildProcess;
  first: FirstTable;
}

async function start(name: string, given: Case): Promise<Measurable> {
  progress(name);
  const child = fork(`${import.meta.dirname}/calc-case.ts`, [JSON.stringify(given)]);
  return { name, child, first: await answer<FirstTable>(child) };
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    const ended = once(child, 'exit', { signal }).then(([status]) => Promise.reject(new Error(`calc-case.ts has ended with ${status}`)));
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message as T;
  } finally {
    settled.abort();
  }
}

/** The cases in turn; the ratio of each to the first. */
async function changeRows(cases: readonly Measurable[]): Promise<Row[]> {
  const found: Row[] = [];
  for (const kind of cases[0]!.first.kinds) {
    progress(kind);
    const turns: number[][][] = cases.map(() => []);
    for (let turn = 0; turn < WARM_UP_TURNS + TURNS; turn += 1) {
      for (const [index, { child }] of cases.entries()) {
        child.send({ kind, rounds: ROUNDS } satisfies Turn);
        const samples = await answer<number[]>(child);
        if (turn >= WARM_UP_TURNS) turns[index]!.push(samples);
      }
    }
    const series = cases.map(({ name }, index): Series => ({ name: `${name}: ${kind}`, unit: 'ms', samples: turns[index]!.map(median) }));
    for (const [index, one] of series.entries()) {
      const row = medianRow(one, index === 0 ? undefined : series[0]);
      found.push({ ...row, name: `${row.name}, p50 (p99 ${quantile(turns[index]!.flat(), 0.99).toPrecision(2)})` });
    }
  }
  return found;
}

function firstRows({ name, first: { milliseconds, memory, statements } }: Measurable): Row[] {
  return [
    {
      name: `${name}: first table, ${count(statements)} statements`,
      value: milliseconds,
      unit: 'ms',
      peer: `the ${TARGET.first} ms wanted`,
      ratio: milliseconds / TARGET.first,
    },
    { name: `${name}: memory`, value: memory, unit: 'MiB', peer: `the ${TARGET.memory} MiB wanted`, ratio: memory / TARGET.memory },
  ];
}

function count(number: number): string {
  return number.toLocaleString('en');
}
