/** Namespaces for tests, gone when the test is over. In /run/netns, so that the tests can ask `ip` and `nft` what they see. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createNamespace, deleteNamespace } from '../namespace.ts';

/** Path of a new namespace, its loopback down. */
export function temporaryNamespace(t: Pick<ExecutionContext, 'teardown'>): string {
  const path = `/run/netns/weirtest-${process.pid}-${randomBytes(4).toString('hex')}`;
  createNamespace(path);
  t.teardown(() => deleteNamespace(path));
  return path;
}

/** The system's programs only: npm puts another `nft` (a file tracer of Vercel's, that ava depends on) in node_modules/.bin. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Output of a command that is run within a namespace. */
export function runWithin(namespace: string, command: string, ...args: string[]): string {
  return execFileSync('/usr/sbin/ip', ['netns', 'exec', basename(namespace), command, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: SYSTEM_PATH },
    maxBuffer: 64 * 1024 * 1024,
  }).trim();
}

/** How many file descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Runs `body` that often, and gives back by how many the open file descriptors grew. */
export function descriptorsLeaked(times: number, body: () => void): number {
  body(); // what is opened once and kept, such as a loaded library, is no leak
  const before = openDescriptors();
  for (let round = 0; round < times; round += 1) body();
  return openDescriptors() - before;
}
