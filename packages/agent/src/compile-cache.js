import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Has Node keep what it compiles, so that a program of many modules starts faster from the second time on. In JavaScript, for programs that
 * are to start fast: before the first file of TypeScript that is not kept, Node loads what strips types, which takes it 40 ms.
 *
 * @param {string} cache folder for files that may be lost. Used only where no other user could have put code: root runs it
 */
export function keepCompiledCode(cache) {
  const folder = join(cache, 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    if (uid === process.geteuid?.() && (mode & 0o022) === 0) enableCompileCache(folder);
  } catch {
    // A folder that cannot be written to: slower, and nothing else.
  }
}
