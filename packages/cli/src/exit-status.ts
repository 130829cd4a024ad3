/** What `weir` tells its caller. Scripts rely on these numbers. */
export const EXIT = {
  ok: 0,
  /** An object or a change was refused, is invalid, or was not found; a flow that was asked about is denied. */
  refused: 1,
  /** The command line itself is wrong: unknown command or flag, missing argument, unusable store settings. */
  usage: 2,
  /** The store is not there, cannot be reached or does not let us in. */
  unavailable: 3,
  /** Of a dry run, or a simulation, with --exit-code: something would change. */
  wouldChange: 4,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** The same, for the help page. */
export const EXIT_TEXT = [
  '0  done',
  '1  refused, invalid or not found; of trace and policy test: denied, not as expected',
  '2  wrong usage: unknown command, flag or kind, missing argument, unusable settings',
  '3  the store is unavailable: not there, not reached, or it refused certificate or user',
  '4  of --exit-code: all is valid, and something would change',
].join('\n');

const STORE_UNAVAILABLE = new Set(['EUNAVAILABLE', 'ETLS', 'EAUTH', 'EFULL']);

/** Errors are told apart by name and code, so that a failing `weir` need not load the packages which the errors come from. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (!(error instanceof Error)) return EXIT.refused;
  const { code, oclif } = error as Error & { code?: unknown; oclif?: { exit?: number } };
  if (code === 'EEXIT') return (oclif?.exit ?? EXIT.ok) as ExitStatus;
  if (error.name === 'StoreError' && STORE_UNAVAILABLE.has(String(code))) return EXIT.unavailable;
  if (code === 'ENOSTORE') return EXIT.unavailable;
  if (code === 'EUSAGE' || (error.name === 'AgentError' && code === 'ECONFIG')) return EXIT.usage;
  // Only oclif's own errors carry this field: they are all about the command line.
  return oclif === undefined ? EXIT.refused : EXIT.usage;
}
