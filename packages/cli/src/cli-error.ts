/**
 * - EUSAGE: the command line is wrong
 * - ENOTFOUND: no such object
 * - EEXISTS: `create` of an object that is there already
 * - ECHANGED: the object is not at the revision that the caller saw
 * - EREFUSED: the object may not be changed this way
 * - ENOSTORE: there is no embedded store at the path, and only looking at it makes none
 * - EFAILED: some of several changes failed; each is named in `details`
 */
export type CliErrorCode = 'EUSAGE' | 'ENOTFOUND' | 'EEXISTS' | 'ECHANGED' | 'EREFUSED' | 'ENOSTORE' | 'EFAILED';

export interface CliErrorOptions extends ErrorOptions {
  /** Lines below the message: what to do, or which parts failed. */
  details?: string[];
}

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  readonly details: string[];

  constructor(code: CliErrorCode, message: string, { details = [], ...options }: CliErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}
