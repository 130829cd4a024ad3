/** The one error class of this package: errno by name, the operation in the words of the matching shell command, the kernel's own text. */
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));
// Aliases share a number; these are the names that man pages and the kernel's sources use.
NAMES.set(constants.errno.EAGAIN, 'EAGAIN').set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP');

const REMEDIES: Record<string, string> = {
  EPERM: 'run as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN',
  EACCES: 'run as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENFILE: 'raise fs.file-max',
};

/** Name of an errno number, e.g. 17 → `EEXIST`; `ERRNO_<n>` for one that no header names. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `ERRNO_${errno}`;
}

export interface KernelErrorOptions {
  /** Text that the kernel sent along (NLMSGERR_ATTR_MSG), or that libnftables wrote. */
  extendedAck?: string;
  /** Place of the failed request within its batch, from 0. */
  batchIndex?: number;
  /** The other requests of the same batch that failed too. */
  others?: KernelError[];
  cause?: unknown;
}

/**
 * A request that the kernel (or libnftables) refused.
 *
 * `code` is the errno name (`EEXIST`, `ENODEV`, …) and is stable; `operation` reads like the command that an operator would
 * have typed (`ip link add …`), with the values that were refused.
 */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly code: string;
  readonly errno: number;
  readonly operation: string;
  readonly extendedAck: string | undefined;
  readonly batchIndex: number | undefined;
  readonly others: readonly KernelError[];

  constructor(errno: number, operation: string, options: KernelErrorOptions = {}) {
    const code = errnoName(errno);
    const remedy = REMEDIES[code];
    super(
      `${operation}: ${getSystemErrorMessage(-errno) ?? 'failed'} (${code})${options.extendedAck ? `: ${options.extendedAck}` : ''}${remedy ? `; ${remedy}` : ''}`,
      { cause: options.cause },
    );
    this.code = code;
    this.errno = errno;
    this.operation = operation;
    this.extendedAck = options.extendedAck;
    this.batchIndex = options.batchIndex;
    this.others = options.others ?? [];
  }

  /** An error of this package made from one that `node:fs` threw; anything else is given back as it is. */
  static from(error: unknown, operation: string): unknown {
    const { errno } = error as { errno?: unknown };
    return error instanceof Error && !(error instanceof KernelError) && typeof errno === 'number'
      ? new KernelError(-errno, operation, { cause: error })
      : error;
  }
}
