import { resolve } from 'node:path';
import { resolveStoreOptions, StoreError, type StoreOptions } from '@weir/datastore';
import { CliError } from '../cli-error.ts';
import { STORE_FILE_FLAGS } from '../command-line/store-flags.ts';

/**
 * The section `store` that says what these flags say. A password stays in its file; only the file's path is written.
 * @throws CliError EUSAGE for flags that are wrong or do not go together
 */
export function storeSection(flags: Record<string, unknown>): Record<string, unknown> {
  if (String(flags['etcd-user'] ?? '').includes(':'))
    throw new CliError('EUSAGE', '--etcd-user holds a password, which everybody on this host could read', {
      details: ['put it into a file of root alone, and name that by --etcd-password-file'],
    });
  const options = resolvePlace(flags);
  const timeout = flags['store-timeout'] === undefined ? {} : { timeout: options.timeoutMilliseconds / 1000 };
  if (options.backend === 'embedded') return { backend: options.backend, path: options.path, ...timeout };
  const { endpoints, caFile, certFile, keyFile, username, password } = options;
  const passwordFile = password !== undefined && 'file' in password ? password.file : undefined;
  const settings = Object.entries({ endpoints, caFile, certFile, keyFile, username, passwordFile });
  return { backend: options.backend, ...timeout, etcd: Object.fromEntries(settings.filter(([, value]) => value !== undefined)) };
}

/** Only what the flags say: variables of the shell that installs are not those of the service. */
function resolvePlace(flags: Record<string, unknown>): StoreOptions {
  const paths = STORE_FILE_FLAGS.filter((name) => flags[name]).map((name) => [name, resolve(flags[name] as string)]);
  try {
    return resolveStoreOptions({ env: {}, flags: { ...flags, ...Object.fromEntries(paths) } });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CliError('EUSAGE', error.message, { cause: error });
  }
}
