import { partyText, portText, reasonText } from '../flows/flow-table.ts';
import { type Column, renderTable } from '../output/table.ts';
import type { ChangedFlow } from './changed-flows.ts';

const COLUMNS: Column<ChangedFlow>[] = [
  { header: 'LAST', value: ({ end }) => `${end.slice(0, 19)}Z` },
  { header: 'FROM', value: ({ source }) => partyText(source), shrinks: true },
  { header: 'TO', value: ({ destination }) => partyText(destination), shrinks: true },
  { header: 'PORT', value: portText },
  { header: 'PACKETS', value: ({ packets }) => String(packets), align: 'right' },
  { header: 'BEFORE', value: ({ before }) => before.verdict },
  { header: 'AFTER', value: ({ after }) => after.verdict },
  { header: 'BECAUSE', value: ({ after }) => reasonText(after.because), shrinks: true },
];

/** Flows whose verdict would change, and the rule that would decide then. */
export function formatChangedFlows(flows: readonly ChangedFlow[], width: number): string {
  return renderTable(COLUMNS, flows, width);
}
