/**
 * What this package refuses. `code` is stable:
 *
 * - `EFLOW`: a flow that `decide` cannot judge, since an address, protocol or port in it is none.
 * - `ETABLE`: text that is not what `nft -j list table` prints.
 */
export class PolicyError extends Error {
  readonly code: 'EFLOW' | 'ETABLE';

  constructor(code: PolicyError['code'], message: string) {
    super(message);
    this.name = 'PolicyError';
    this.code = code;
  }
}
