/** Addresses that claims keep, on both sides. Pure. */
import { claimedAddresses } from '@weir/resources';
import { claimName, type Inventory } from '../inventory.ts';
import type { Finding, Holding } from './finding.ts';

export function auditClaims({ claims }: Inventory, holdings: readonly Holding[]): Finding[] {
  const known = new Map(claims.map((claim) => [claimName(claim), claimedAddresses(claim)]));
  const kept = new Map(
    holdings.flatMap(({ address, allocation }) => (allocation.claim === undefined ? [] : [[address, allocation.claim]])),
  );
  const findings: Finding[] = [];
  for (const { address, block, allocation } of holdings) {
    const { claim } = allocation;
    if (claim === undefined || known.get(claim)?.includes(address)) continue;
    if (!known.has(claim)) {
      const message = `kept for the claim ${claim}, which there is not`;
      findings.push({ kind: 'unclaimed', subject: address, message, repair: { do: 'unclaim', block, claim } });
    } else findings.push({ kind: 'unclaimed', subject: address, message: `kept for the claim ${claim}, ${remake(known.get(claim)!)}` });
  }
  for (const [claim, addresses] of known) {
    for (const address of addresses) {
      if (kept.get(address) === claim) continue;
      findings.push({ kind: 'unclaimed', subject: address, message: `not kept for the claim ${claim}, ${remake(addresses)}` });
    }
  }
  return findings;
}

const remake = (addresses: readonly string[]): string =>
  `which says ${addresses.join(', ') || 'nothing'}: delete the claim, and make it anew`;
