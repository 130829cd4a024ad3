import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CliError } from '../cli-error.ts';

export interface ManifestFile {
  /** As the user gave it, or below the folder that the user gave; `stdin` for `-`. */
  file: string;
  text: string;
}

const MANIFEST = /\.(ya?ml|json)$/;

/**
 * The texts behind `-f`: files as named, every .yaml, .yml and .json file of a folder (of the folders below it too when `recursive`)
 * in the order of their names, standard input for `-`.
 * @throws CliError ENOTFOUND for a path that is not there, is unreadable, or is a folder without such files
 */
export async function readManifestFiles(
  paths: readonly string[],
  { recursive, stdin = process.stdin }: { recursive: boolean; stdin?: NodeJS.ReadableStream },
): Promise<ManifestFile[]> {
  const found: ManifestFile[] = [];
  for (const path of paths) {
    if (path === '-') {
      found.push({ file: 'stdin', text: await text(stdin as NodeJS.ReadStream) });
      continue;
    }
    for (const file of await filesOf(path, recursive)) found.push({ file, text: await reading(file, readFile(file, 'utf8')) });
  }
  return found;
}

async function filesOf(path: string, recursive: boolean): Promise<string[]> {
  if (!(await reading(path, stat(path))).isDirectory()) return [path];
  const entries = await reading(path, readdir(path, { recursive, withFileTypes: true }));
  const files = entries
    .filter((entry) => !entry.isDirectory() && MANIFEST.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) {
    throw new CliError(
      'ENOTFOUND',
      `the folder ${path} has no .yaml, .yml or .json file${recursive ? '' : ': give -R to look in the folders below it too'}`,
    );
  }
  return files.sort();
}

async function reading<T>(path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError('ENOTFOUND', code === 'ENOENT' ? `${path}: no such file or folder` : `cannot read ${path}: ${message}`, {
      cause: error,
    });
  }
}
