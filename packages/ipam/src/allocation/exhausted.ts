/** Why no pool has an address, pool by pool. */
import { type Family, familyOf } from '@weir/resources';
import { freeIn, rangesWithin, sizeOf, usedIn } from '../block.ts';
import { IpamError, type PassedOver } from '../ipam-error.ts';
import { poolSize } from '../pool.ts';
import type { AllocationRequest } from './allocation-request.ts';
import type { Draft } from './draft.ts';
import { hasAllItMay } from './free-address.ts';
import { Missing } from './missing.ts';
import { type KnownPool, whyNotFor } from './pool-choice.ts';

export function exhausted(draft: Draft, request: AllocationRequest, family: Family | undefined, pools: readonly KnownPool[]): IpamError {
  // Whoever is turned away is told of all that there is.
  if (!draft.view.cluster?.isWhole) throw new Missing('cluster');
  const { containerId, interfaceName } = request;
  const passedOver = pools.map((known): PassedOver => ({ pool: known.pool.metadata.name, reason: whyNot(draft, request, family, known) }));
  const tried = passedOver.map(({ pool, reason }, index) => `pool "${pool}" (${pools[index]!.pool.spec.cidr}) is ${reason}`);
  return new IpamError(
    'EEXHAUSTED',
    `no ${family ?? 'IP'} address for ${interfaceName} of container ${containerId}: ${tried.join('; ')}. ${advice(passedOver)}`,
    { passedOver },
  );
}

function advice(passedOver: readonly PassedOver[]): string {
  const isFull = passedOver.some(({ reason }) => reason.startsWith('full'));
  return isFull ? 'Add a pool, or free addresses' : 'Change whom a pool is for, or add one';
}

function whyNot(draft: Draft, request: AllocationRequest, family: Family | undefined, known: KnownPool): string {
  const { host, reservations } = draft.view;
  const { pool } = known;
  const unfit = whyNotFor(known, request, host);
  if (unfit !== undefined) return unfit;
  if (family !== undefined && familyOf(pool.spec.cidr) !== family) return `of the other family, ${familyOf(pool.spec.cidr)}`;
  const specs = [...draft.cluster()].flatMap(({ spec }) => (spec?.pool === pool.metadata.name ? [spec] : []));
  const used = specs.reduce((sum, spec) => sum + usedIn(spec), 0);
  const ranges = reservations.flatMap((reservation) => reservation.ranges);
  const reserved = sizeOf(rangesWithin(ranges, pool.spec.cidr));
  const counts = `${used} of ${poolSize(pool)} used${reserved > 0 ? `, ${reserved} reserved` : ''}`;
  const limit = hasAllItMay(draft, pool.metadata.name)
    ? `it has as many of its blocks as maxBlocksPerHost allows (${draft.view.config.maxBlocksPerHost})`
    : undefined;
  if (known.within !== undefined) return `full for this host, which has ${known.within.join(' and ')} of flannel: ${counts}`;
  const others = specs.filter((spec) => spec.host !== host && freeIn(spec, ranges) > 0).map((spec) => spec.host);
  if (others.length === 0) return limit === undefined ? `full: ${counts}` : `full for this host: ${limit}, ${counts}`;
  const lenders = [...new Set(others)].sort().join(', ');
  return `full for this host: ${limit ?? 'all its blocks are claimed'}, ${counts}, the free ones are in blocks of ${lenders}, and strictAffinity forbids to borrow them`;
}
