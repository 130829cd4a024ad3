/** A bundle for whoever is to find out what is wrong with this host. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CliError } from '../cli-error.ts';
import { renderTable } from '../output/table.ts';
import { type Part, type ReadPart, readPart } from './part.ts';
import { withoutSecrets } from './secrets.ts';

const run = promisify(execFile);

/**
 * Reads all parts and takes the secrets out of them; one that is found in any part is taken out of all.
 *
 * @param secrets filled by parts while they are read
 */
export async function readParts(parts: readonly Part[], secrets: readonly string[]): Promise<ReadPart[]> {
  const read: ReadPart[] = [];
  for (const part of parts) read.push(await readPart(part));
  return read.map((part) => ({ ...part, text: withoutSecrets(part.text, secrets) }));
}

/**
 * Writes the parts as a tar archive that gzip has packed, readable by its owner alone.
 *
 * @throws CliError EFAILED
 */
export async function writeBundle(path: string, parts: readonly ReadPart[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-diag-'));
  const name = basename(path).replace(/\.tar\.gz$|\.tgz$/, '');
  try {
    for (const { file, text } of parts) {
      await mkdir(dirname(join(folder, name, file)), { recursive: true });
      await writeFile(join(folder, name, file), text);
    }
    // It is there before tar writes into it, so that nobody else may read it at any time.
    await writeFile(path, '', { mode: 0o600 });
    await run('tar', ['-czf', path, '-C', folder, name]);
  } catch (error) {
    throw new CliError('EFAILED', `the bundle could not be written to ${path}: ${(error as Error).message}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What is in the bundle, and what is not. */
export function formatContents(parts: readonly ReadPart[], width: number): string {
  const missing = parts.flatMap(({ file, failure }) => (failure === undefined ? [] : [`${file}: ${failure}\n`]));
  const table = renderTable<ReadPart>(
    [
      { header: 'FILE', value: ({ file }) => file },
      { header: 'BYTES', value: ({ text }) => String(Buffer.byteLength(text)), align: 'right' },
      {
        header: 'WHAT',
        value: ({ what, failure }) => (failure === undefined ? what : `could not be read: ${what}`),
        shrinks: true,
      },
    ],
    parts,
    width,
  );
  return [table, ...(missing.length > 0 ? [missing.join('')] : [])].join('\n');
}
