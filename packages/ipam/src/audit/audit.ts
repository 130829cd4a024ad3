/**
 * What is wrong with addresses: what the blocks say against endpoints, hosts, claims and pools, and against a host's kernel. Pure.
 *
 * A single look may meet an ADD or a DEL half-way, so what is to be acted on is found in two looks with some seconds between ({@link confirmed}).
 */

import type { Inventory } from '../inventory.ts';
import { auditBlocks } from './blocks.ts';
import { auditClaims } from './claims.ts';
import type { Audit, AuditOptions, Finding, Holding } from './finding.ts';
import { auditHolders } from './holders.ts';
import { auditKernel } from './kernel.ts';
import { auditUsers } from './users.ts';

export function audit(inventory: Inventory, options: AuditOptions): Audit {
  const holdings = inventory.blocks.flatMap(({ spec }): Holding[] =>
    Object.entries(spec?.allocations ?? {}).map(([address, allocation]) => ({ address, block: spec!.cidr, allocation })),
  );
  const { findings, unverified } = auditHolders(inventory, holdings, options);
  return {
    findings: [
      ...auditBlocks(inventory),
      ...findings,
      ...auditUsers(inventory, holdings),
      ...auditClaims(inventory, holdings),
      ...(options.kernel === undefined ? [] : auditKernel(inventory, holdings, options.kernel)),
      ...inventory.unreadable.map(({ key, reason }): Finding => ({ kind: 'unreadable', subject: key, message: reason })),
    ],
    unverified,
  };
}

/** Findings of a later look that an earlier one had too, to the letter. */
export function confirmed(earlier: readonly Finding[], later: readonly Finding[]): Finding[] {
  const known = new Set(earlier.map((finding) => JSON.stringify(finding)));
  return later.filter((finding) => known.has(JSON.stringify(finding)));
}
