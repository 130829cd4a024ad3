/**
 * - EUNAVAILABLE: the store cannot be reached or does not answer; the message names the endpoints or file and what to check
 * - ECOMPACTED: the revision asked for is no longer kept; list again
 * - EFULL: the store takes nothing more until somebody makes room; what it has can be read and deleted
 * - EHISTORY: the store's history is another one than before, as after a restore from a backup: list again, and compare no revisions
 * - EAUTH: user or password refused, or the user may not touch this key
 * - ETLS: no trust between client and server: certificate, key or protocol
 * - ECONFLICT: an object is there already, or was changed since it was read
 * - ELEASE: the lease has expired or was revoked
 * - EINVAL: the call or the configuration is wrong
 * - ECLOSED: the store was closed
 */
export type StoreErrorCode =
  | 'EUNAVAILABLE'
  | 'EFULL'
  | 'ECOMPACTED'
  | 'EHISTORY'
  | 'EAUTH'
  | 'ETLS'
  | 'ECONFLICT'
  | 'ELEASE'
  | 'EINVAL'
  | 'ECLOSED';

export interface StoreErrorOptions extends ErrorOptions {
  maybeCommitted?: boolean;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  /** The request had been sent when the answer got lost: a transaction may or may not have been done. Read before trying again. */
  readonly maybeCommitted: boolean;

  constructor(code: StoreErrorCode, message: string, { maybeCommitted = false, ...options }: StoreErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.maybeCommitted = maybeCommitted;
  }
}
