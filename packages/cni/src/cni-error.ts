/**
 * Codes of an error answer. 1–11, 50 and 51 are the specification's (CNI SPEC.md, "Error"), 8 is what its reference
 * implementation uses for the plugin's own namespace; from 100 on they are ours.
 */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decoding: 6,
  invalidConfig: 7,
  invalidNamespace: 8,
  tryAgain: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  alreadyAttached: 100,
  addressesExhausted: 101,
  noPool: 102,
  kernel: 103,
  plugin: 104,
  notAttached: 105,
  mismatch: 106,
  storeRefused: 107,
  addressRefused: 108,
  internal: 199,
} as const;

export interface CniErrorOptions extends ErrorOptions {
  /** What to do about it. */
  details?: string;
  /** Type of the foreign plugin that answered with this error. */
  plugin?: string;
}

/**
 * An error as a CNI answer. Mesos pastes it into the failed task's message, so `message` says what happened, with the
 * offending value, and `details` what to do.
 */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  readonly details: string;
  readonly plugin?: string;

  constructor(code: number, message: string, options: CniErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? '';
    this.plugin = options.plugin;
  }

  /** @returns the JSON answer for stdout, in one line */
  encode(cniVersion: string): string {
    const { code, message: msg, details } = this;
    return JSON.stringify({ cniVersion, code, msg, ...(details === '' ? {} : { details }) });
  }
}

/**
 * True for our own refusal of a second ADD: what is there is sound and must not be undone. A foreign plugin may use the same number for
 * anything.
 */
export function isAlreadyAttached(error: unknown): boolean {
  return error instanceof CniError && error.code === CNI_CODE.alreadyAttached && error.plugin === undefined;
}
