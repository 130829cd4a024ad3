import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '@weir/datastore';
import type { Finding, Unverified } from '@weir/ipam';
import { type Column, renderTable } from '../output/table.ts';

/** Between two looks: whatever a CNI call changes is changed in less. */
const SECOND_LOOK_MS = 2000;

export interface CheckOptions {
  graceSeconds: number;
  kernel: boolean;
  host: string | undefined;
  /** The configuration file that flag or variable names. */
  config: string | undefined;
}

export interface Report {
  findings: Finding[];
  unverified: Unverified[];
}

/** What was found in two looks. Without a finding in the first, one is enough. */
export async function checkAddresses(store: Store, options: CheckOptions): Promise<Report> {
  const { confirmed } = await import('@weir/ipam');
  const first = await look(store, options);
  if (first.findings.length === 0) return first;
  await delay(SECOND_LOOK_MS);
  const second = await look(store, options);
  return { findings: confirmed(first.findings, second.findings), unverified: second.unverified };
}

async function look(store: Store, { graceSeconds, kernel, host, config }: CheckOptions): Promise<Report> {
  const { audit, readInventory } = await import('@weir/ipam');
  const inventory = await readInventory(store);
  // After the store: what the kernel has, the store has said before.
  const seen = kernel ? await (await import('./kernel-addresses.ts')).readKernel(inventory, { host, config }) : undefined;
  return audit(inventory, { now: Date.now(), graceSeconds, ...(seen && { kernel: seen }) });
}

const COLUMNS: Column<Finding>[] = [
  { header: 'FOUND', value: ({ kind }) => kind },
  { header: 'ADDRESS', value: ({ subject }) => subject },
  { header: 'WHAT', value: ({ message }) => message },
];

export function formatReport({ findings, unverified }: Report): string {
  const table = findings.length === 0 ? 'No fault was found.\n' : renderTable(COLUMNS, findings, Number.POSITIVE_INFINITY);
  if (unverified.length === 0) return table;
  const hosts = [...new Set(unverified.map(({ host }) => host))].sort();
  const networks = [...new Set(unverified.map(({ network }) => network))].sort();
  return `${table}\nNot looked into: ${unverified.length} held in networks without endpoints (${networks.join(', ')}); check --kernel tells on their hosts: ${hosts.join(', ')}.\n`;
}
