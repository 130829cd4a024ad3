import type { Owner } from './block.ts';

/**
 * - ENOPOOL: there is no pool, or none of the name asked for
 * - EEXHAUSTED: no pool has an address for this host; `passedOver` says why, pool by pool
 * - EOUTSIDE, ETAKEN, EREFUSED: an address that was asked for is in no pool, is another's, or may not be given to this request
 * - ESPACE: the network has its own address space and the request is not for it, or the other way round
 * - ENOCLAIM: there is no claim of the name that was asked for
 * - ESTALE: the address is no longer held as it was when its release was decided
 * - EOVERLAP: the pool's CIDR overlaps another pool's
 * - EINUSE: the change would orphan blocks or addresses in use
 * - ECONFLICT: others kept changing the same keys, or the object was changed since it was read
 * - EINVAL: a stored pool or reservation cannot be read, or a pool or block cannot be split so
 */
export type IpamErrorCode =
  | 'ENOPOOL'
  | 'EEXHAUSTED'
  | 'EOUTSIDE'
  | 'ETAKEN'
  | 'EREFUSED'
  | 'ESPACE'
  | 'ENOCLAIM'
  | 'ESTALE'
  | 'EOVERLAP'
  | 'EINUSE'
  | 'ECONFLICT'
  | 'EINVAL';

/** A pool that could not serve a request, and why. */
export interface PassedOver {
  pool: string;
  reason: string;
}

export class IpamError extends Error {
  override readonly name = 'IpamError';
  readonly code: IpamErrorCode;
  /** Only with EEXHAUSTED: every pool that was tried. */
  readonly passedOver: readonly PassedOver[];
  /** Only with ETAKEN: the container that has the address, if one has. */
  readonly holder?: Owner;

  constructor(
    code: IpamErrorCode,
    message: string,
    { passedOver = [], holder, ...options }: ErrorOptions & { passedOver?: PassedOver[]; holder?: Owner } = {},
  ) {
    super(message, options);
    this.code = code;
    this.passedOver = passedOver;
    this.holder = holder;
  }
}
