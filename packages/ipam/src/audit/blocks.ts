/** Blocks that are not of the pool that they say, or in each other's way. Pure. */
import { cidrContains, cidrsOverlap } from '@weir/resources';
import { usedIn } from '../block.ts';
import type { ClusterBlock } from '../cluster-blocks.ts';
import { type Inventory, poolAround } from '../inventory.ts';
import type { Finding } from './finding.ts';

export function auditBlocks({ pools, blocks }: Inventory): Finding[] {
  return [...blocks.flatMap((block) => judge(block, pools)), ...overlaps(blocks)];
}

function judge({ cidr, spec, name }: ClusterBlock, pools: Inventory['pools']): Finding[] {
  if (spec === undefined)
    return [{ kind: 'unreadable', subject: cidr, message: `the stored block ${name} is not valid: nothing is given from it` }];
  const pool = poolAround(pools, cidr);
  if (pool?.metadata.name === spec.pool) return [];
  const stray = { kind: 'stray', subject: cidr } as const;
  const { host } = spec;
  if (pool !== undefined) {
    const message = `the block of ${host} says pool "${spec.pool}", and is in pool "${pool.metadata.name}": nothing is given from it`;
    return [{ ...stray, message, repair: { do: 'move', block: cidr, host, pool: pool.metadata.name } }];
  }
  const message = `the block of ${host} is in no pool`;
  if (usedIn(spec) === 0) return [{ ...stray, message, repair: { do: 'drop', block: cidr, host } }];
  return [
    { ...stray, message: `${message}, and ${usedIn(spec)} of its addresses are held: make a pool around it, or stop their containers` },
  ];
}

/** Sorted by their first addresses, a block can only overlap those that follow until one does not. */
function overlaps(blocks: readonly ClusterBlock[]): Finding[] {
  const sorted = blocks.toSorted((one, other) => (one.range.first < other.range.first ? -1 : 1));
  const findings: Finding[] = [];
  for (const [index, { cidr, spec }] of sorted.entries()) {
    for (const next of sorted.slice(index + 1)) {
      if (next.range.family === sorted[index]!.range.family && next.range.first > sorted[index]!.range.last) break;
      if (!cidrsOverlap(cidr, next.cidr)) continue;
      const inner = cidrContains(cidr, next.cidr) ? next.cidr : cidr;
      const message = `overlaps the block ${inner === cidr ? next.cidr : cidr} (${spec?.host} and ${next.spec?.host}): an address can be given twice; stop the containers of one of the hosts`;
      findings.push({ kind: 'doubled', subject: inner, message });
    }
  }
  return findings;
}
