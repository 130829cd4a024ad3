/**
 * `npm run bench:calc`: the calculation alone, without store and kernel: from objects to the first table, and from a changed object to what
 * changes of the table. A cluster of 10,000 policies with 1,000 and with 100,000 endpoints, 100 of them on the host that is calculated
 * for; and lists of 100,000 and 1,000,000 CIDRs in network sets. `-- --only cluster` or `list` takes only these.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Case, CaseResult } from './calc-case.ts';
import { median, progress, quantile, type Row, report, spread } from './table.ts';

const POLICIES = 10_000;
const ENDPOINTS = [1000, 100_000] as const;
const MEMBERS = [100_000, 1_000_000] as const;
const TARGET = { first: 5000, memory: 1024, change: 1 };

const { only } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean' } } }).values;
const rows: Row[] = [];
if (only !== 'list') rows.push(...clusterRows());
if (only !== 'cluster') rows.push(...listRows());
report('calc', rows);

function clusterRows(): Row[] {
  const [small, large] = ENDPOINTS.map((endpoints) => {
    const name = `${count(POLICIES)} policies, ${count(endpoints)} endpoints`;
    return { name, result: run(name, { kind: 'cluster', size: { policies: POLICIES, endpoints } }) };
  }) as [Measured, Measured];
  const changes = Object.keys(large.result.changes).flatMap((what): Row[] => {
    const ofSmall = small.result.changes[what]!;
    const ofLarge = large.result.changes[what]!;
    return [
      changeRow(`${small.name}: ${what}`, ofSmall),
      { ...changeRow(`${large.name}: ${what}`, ofLarge), peer: `that at ${count(ENDPOINTS[0])}`, ratio: median(ofLarge) / median(ofSmall) },
    ];
  });
  return [...firstRows(small), ...firstRows(large), ...changes];
}

function listRows(): Row[] {
  return (['nets', 'single addresses'] as const).flatMap((form) =>
    MEMBERS.flatMap((members) => {
      const name = `${count(members)} ${form}`;
      const result = run(name, { kind: 'list', form, count: members });
      return [
        ...firstRows({ name, result }),
        ...Object.entries(result.changes).map(([what, samples]) => changeRow(`${name}: ${what}`, samples)),
      ];
    }),
  );
}

interface Measured {
  name: string;
  result: CaseResult;
}

function run(name: string, given: Case): CaseResult {
  progress(name);
  const program = `${import.meta.dirname}/calc-case.ts`;
  return JSON.parse(
    execFileSync(process.execPath, [program, JSON.stringify(given)], { encoding: 'utf8', maxBuffer: 2 ** 26 }),
  ) as CaseResult;
}

function firstRows({ name, result: { first, memory, statements } }: Measured): Row[] {
  return [
    {
      name: `${name}: first table, ${count(statements)} statements`,
      value: first,
      unit: 'ms',
      peer: `the ${TARGET.first} ms wanted`,
      ratio: first / TARGET.first,
    },
    { name: `${name}: memory`, value: memory, unit: 'MiB', peer: `the ${TARGET.memory} MiB wanted`, ratio: memory / TARGET.memory },
  ];
}

function changeRow(name: string, samples: number[]): Row {
  return {
    name: `${name}, p50 (p99 ${quantile(samples, 0.99).toPrecision(2)})`,
    value: median(samples),
    unit: 'ms',
    spread: spread(samples),
  };
}

function count(number: number): string {
  return number.toLocaleString('en');
}
