import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Has Node keep what it compiles: the start takes 0.2 s instead of 0.3 s from the second time on.
 * Kept in the user's own cache folder, and only where no other user could have put code: `weir` runs as root.
 */
export function keepCompiledCode(env: NodeJS.ProcessEnv = process.env): void {
  const folder = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'weir', 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    if (uid === process.geteuid?.() && (mode & 0o022) === 0) enableCompileCache(folder);
  } catch {
    // No home, or one that cannot be written to: slower, and nothing else.
  }
}
