/**
 * One process at a time keeps a host's kernel in step: the agent for as long as it lives, or a one-shot call while there is none.
 * The kernel frees the lock when its holder dies.
 */
import { join } from 'node:path';
import { fileLock, KernelError } from '@weir/kernel';
import { AgentError } from './agent-error.ts';

/** @throws AgentError EALREADY after `wait` milliseconds (default: a one-shot call's longest time, so that an agent's start waits for it) */
export async function lockHost(runDir: string, options: { wait?: number; signal?: AbortSignal } = {}): Promise<Disposable> {
  const path = join(runDir, 'host.lock');
  try {
    return await fileLock(path, { wait: 60_000, ...options });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new AgentError('EALREADY', `${path} is held: another agent runs on this host, or a call that is served without one`, {
      cause: error,
    });
  }
}
