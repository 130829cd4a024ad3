/** `weir flows`: what the agents tell, first all that there is by age, then what comes. */
import type { Store } from '@weir/datastore';
import type { FlowQuery, FlowRecord } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { GrowingTable } from '../output/table.ts';
import { askFlows } from './ask-flows.ts';
import { FLOW_COLUMNS } from './flow-table.ts';

export interface ShowOptions {
  form: 'table' | 'json';
  width: number;
  signal: AbortSignal;
}

/** @throws CliError EFAILED when an agent that runs did not answer, after what the others said; who follows is warned instead */
export async function showFlows(
  store: Store,
  query: FlowQuery,
  { form, width, signal }: ShowOptions,
  print: (text: string) => void,
): Promise<void> {
  const format = formatter(form, width, query.follow);
  let first: FlowRecord[] | undefined = [];
  let dropped = 0;
  for await (const event of askFlows(store, query, signal)) {
    if (event.type === 'answer') {
      if (first === undefined) {
        if (event.dropped > 0) process.stderr.write(`warning: ${event.dropped} records of host ${event.host} are beyond the limit\n`);
        print(format(byAge(event.records)));
      } else {
        first.push(...event.records);
        dropped += event.dropped;
      }
      continue;
    }
    const told = byAge(first ?? []).slice(-query.limit);
    dropped += (first?.length ?? 0) - told.length;
    if (dropped > 0) process.stderr.write(`warning: ${dropped} older records are not shown: narrow the question, or raise --limit\n`);
    print(format(told));
    first = undefined;
    if (event.down.length > 0) process.stderr.write(`warning: no agent runs on ${event.down.join(', ')}: what these saw is not shown\n`);
    if (event.silent.length === 0) continue;
    const message = `no answer from the agents of ${event.silent.join(', ')}: their flows are not shown`;
    if (!query.follow) throw new CliError('EFAILED', message, { details: ['weir node status tells how they are'] });
    process.stderr.write(`warning: ${message}\n`);
  }
}

function byAge(records: readonly FlowRecord[]): FlowRecord[] {
  return records.toSorted((left, right) => (left.end < right.end ? -1 : left.end > right.end ? 1 : 0));
}

function formatter(form: ShowOptions['form'], width: number, follow: boolean): (records: readonly FlowRecord[]) => string {
  if (form === 'json') {
    if (!follow) return (records) => `${JSON.stringify(records, null, 2)}\n`;
    return (records) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  }
  const table = new GrowingTable(FLOW_COLUMNS, width);
  return (records) => (records.length === 0 && !follow ? 'No flow was recorded.\n' : table.add(records));
}
