import { IpamError } from './ipam-error.ts';

export interface RemoveOptions {
  /** The revision that the stored object must have. Default: whatever is there is removed. */
  revision?: number | undefined;
}

/**
 * Whoever removes an object does so on the condition that it is as it was read; so to look at its revision then is enough.
 * @throws IpamError ECONFLICT
 */
export function requireRevision(what: string, found: { revision: number }, { revision }: RemoveOptions): void {
  if (revision === undefined || revision === found.revision) return;
  throw new IpamError('ECONFLICT', `${what} is at revision ${found.revision}, not ${revision}: read it again`);
}
