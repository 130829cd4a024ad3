import type { PoolUsage } from '@weir/ipam';
import { type Column, renderTable } from './table.ts';

interface UsageRow {
  pool: string;
  cidr: string;
  host: string;
  size: number;
  used: number;
  free: number;
}

const COLUMNS: Column<UsageRow>[] = [
  { header: 'POOL', value: ({ pool }) => pool },
  { header: 'CIDR', value: ({ cidr }) => cidr },
  { header: 'HOST', value: ({ host }) => host, shrinks: true },
  { header: 'SIZE', value: ({ size }) => formatCount(size), align: 'right' },
  { header: 'USED', value: ({ used }) => formatCount(used), align: 'right' },
  { header: 'FREE', value: ({ free }) => formatCount(free), align: 'right' },
  { header: 'USE', value: ({ used, size }) => formatShare(used / size), align: 'right' },
];

/** A row for each pool and, below it, one for each block of it. */
export function formatIpam(pools: readonly PoolUsage[], { blocks, width }: { blocks: boolean; width: number }): string {
  if (pools.length === 0) return 'There are no pools: containers get no addresses before one is made, with weir apply -f.\n';
  const rows = pools.flatMap((pool): UsageRow[] => [
    { ...pool, pool: pool.disabled ? `${pool.pool} (disabled)` : pool.pool, host: '' },
    ...(blocks ? pool.blocks.map((block): UsageRow => ({ ...block, pool: '', cidr: block.block })) : []),
  ]);
  return renderTable(COLUMNS, rows, width);
}

/** Up to a million as it is; what an IPv6 pool holds as a power of two. */
function formatCount(count: number): string {
  return count < 1_000_000 ? String(count) : `2^${Math.round(Math.log2(count) * 10) / 10}`;
}

/** In whole percent, but for a little that would look like none. */
function formatShare(share: number): string {
  const percent = share * 100;
  return percent > 0 && percent < 1 ? '<1%' : `${Math.floor(percent)}%`;
}
