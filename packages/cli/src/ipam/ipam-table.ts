import type { Store } from '@weir/datastore';
import type { PoolUsage } from '@weir/ipam';
import { compareAddresses } from '../output/address-order.ts';
import { type Column, renderTable } from '../output/table.ts';

interface UsageRow {
  pool: string;
  cidr: string;
  host: string;
  size: number;
  used: number;
  free: number;
}

const pool: Column<UsageRow> = { header: 'POOL', value: (row) => row.pool };
const cidr: Column<UsageRow> = { header: 'CIDR', value: (row) => row.cidr };
const host: Column<UsageRow> = { header: 'HOST', value: (row) => row.host, shrinks: true };
const counts: Column<UsageRow>[] = [
  { header: 'SIZE', value: ({ size }) => formatCount(size), align: 'right' },
  { header: 'USED', value: ({ used }) => formatCount(used), align: 'right' },
  { header: 'FREE', value: ({ free }) => formatCount(free), align: 'right' },
  { header: 'USE', value: formatUse, align: 'right' },
  { header: '', value: useBar },
];

/** How full the pools are, each with its blocks in the order of their addresses. */
export async function readUsage(store: Store): Promise<PoolUsage[]> {
  const { usage } = await import('@weir/ipam');
  const pools = await usage(store);
  return pools.map(({ blocks, ...rest }) => ({
    ...rest,
    blocks: blocks.sort((left, right) => compareAddresses(left.block, right.block)),
  }));
}

/** A row for each pool and, below it, one for each block of it. */
export function formatIpam(pools: readonly PoolUsage[], { blocks, width }: { blocks: boolean; width: number }): string {
  if (pools.length === 0) return 'There are no pools: containers get no addresses before one is made, with weir apply -f.\n';
  const rows = pools.flatMap((usage): UsageRow[] => [
    { ...usage, pool: usage.disabled ? `${usage.pool} (disabled)` : usage.pool, host: '' },
    ...(blocks ? usage.blocks.map((block): UsageRow => ({ ...block, pool: '', cidr: block.block })) : []),
  ]);
  return renderTable([pool, cidr, ...(blocks ? [host] : []), ...counts], rows, width);
}

/** Up to a million as it is; what an IPv6 pool holds as a power of two. */
export function formatCount(count: number): string {
  return count < 1_000_000 ? String(count) : `2^${Math.round(Math.log2(count) * 10) / 10}`;
}

const BAR_LENGTH = 10;

/** `##........`: full only when it is, empty only when it is. */
function useBar({ used, size }: { used: number; size: number }): string {
  const filled = Math.floor((used / size) * BAR_LENGTH);
  const marks = used > 0 && filled === 0 ? 1 : filled;
  return '#'.repeat(marks).padEnd(BAR_LENGTH, '.');
}

/** In whole percent, but for a little that would look like none. */
export function formatUse({ used, size }: { used: number; size: number }): string {
  const percent = (used / size) * 100;
  return percent > 0 && percent < 1 ? '<1%' : `${Math.floor(percent)}%`;
}
