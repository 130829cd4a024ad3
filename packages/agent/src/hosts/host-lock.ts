/**
 * One process at a time keeps a host's kernel in step: the agent for as long as it lives, or a one-shot call while there is none.
 * The kernel frees the lock when its holder dies.
 */
import { join } from 'node:path';
import { fileLock, KernelError } from '@weir/kernel';
import { AgentError } from '../agent-error.ts';

/**
 * @param options.wait milliseconds
 * @param options.held called when it is held by another, and waited for
 * @throws AgentError EALREADY when it still is after that time
 */
export async function lockHost(
  runDir: string,
  options: { wait: number; signal?: AbortSignal; held?: (path: string) => void },
): Promise<Disposable> {
  const path = join(runDir, 'host.lock');
  try {
    return await fileLock(path).catch((error) => {
      if (!isHeld(error)) throw error;
      options.held?.(path);
      return fileLock(path, options);
    });
  } catch (error) {
    if (!isHeld(error)) throw error;
    throw new AgentError('EALREADY', `${path} is held: another agent runs on this host, or a call that is served without one`, {
      cause: error,
    });
  }
}

function isHeld(error: unknown): boolean {
  return error instanceof KernelError && error.code === 'EAGAIN';
}
