/** The edge of an installation: reads what is on the host, and makes the planned changes one after the other. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { placeFile, syncFolder } from '@weir/cni/launcher';
import type { Actual, FileChange, HostFile } from './host-file.ts';

export async function readActual(files: readonly HostFile[]): Promise<Actual> {
  return new Map(await Promise.all(files.map(async ({ path }) => [path, await contentOf(path)] as const)));
}

async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Each change is whole or not made; an installation that was cut off is completed by the next one. */
export async function carryOut(changes: readonly FileChange[], done: (change: FileChange) => void): Promise<void> {
  for (const change of changes) {
    const { path, content, mode } = change.file;
    if (change.action === 'created' || change.action === 'replaced') {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await placeFile(path, content, mode);
    } else if (change.action === 'removed') {
      await rm(path, { force: true });
      await syncFolder(dirname(path));
    }
    done(change);
  }
}
