/** SIG Network's own implementation of Kubernetes' policies: its evaluator, which is asked packet by packet, without a cluster. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, copyFile, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const MODULE = 'sigs.k8s.io/kube-network-policies@v0.8.0';
const PROGRAM = new URL('kube-network-policies/answers_test.go', import.meta.url).pathname;
const CACHE = new URL('../../node_modules/.cache', import.meta.url).pathname;
/** Some minutes where nothing is built yet; what Go has built by then it keeps. */
const BUILD_LIMIT_MS = 60_000;

export interface EvaluatedWorld {
  namespaces: object[];
  pods: object[];
  policies: object[];
  admin: object[];
  baseline: object[];
  packets: { source: string; destination: string; protocol: string; sourcePort: number; destinationPort: number }[];
}

/** @returns the path of the evaluator, built by Go when it is not there yet; or why it cannot be had here */
export async function findEvaluator(): Promise<{ path: string } | { missing: string }> {
  const version = createHash('sha256').update(MODULE).update(readFileSync(PROGRAM)).digest('hex').slice(0, 12);
  const folder = join(CACHE, `kube-network-policies-${version}`);
  const path = join(folder, 'answers');
  if (existsSync(path)) return { path };
  try {
    await build(folder, path);
    return { path };
  } catch (error) {
    const { code, stderr = '', message, killed } = error as NodeJS.ErrnoException & { stderr?: string; killed?: boolean };
    if (code === 'ENOENT') return { missing: 'there is no Go' };
    if (killed === true)
      return { missing: `Go did not build it in ${BUILD_LIMIT_MS / 1000} s; it goes on where it was when it is tried again` };
    return { missing: `Go does not build it: ${(stderr || message).trim().split('\n').at(-1)}` };
  }
}

async function build(folder: string, path: string): Promise<void> {
  const run = promisify(execFile);
  const deadline = performance.now() + BUILD_LIMIT_MS;
  const go = (args: string[], cwd?: string) =>
    run('go', args, {
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, GOFLAGS: '-mod=mod' },
      timeout: Math.max(1, Math.ceil(deadline - performance.now())),
    });
  const { Dir: sources } = JSON.parse((await go(['mod', 'download', '-json', MODULE])).stdout) as { Dir: string };
  const copy = join(folder, 'source');
  await rm(copy, { recursive: true, force: true });
  await cp(sources, copy, { recursive: true });
  const evaluator = join(copy, 'pkg/networkpolicy');
  // Go keeps what it downloaded unchangeable.
  for (const place of [copy, evaluator]) await chmod(place, 0o755);
  for (const name of readdirSync(evaluator)) if (name.endsWith('_test.go')) await rm(join(evaluator, name));
  await copyFile(PROGRAM, join(evaluator, 'answers_test.go'));
  await go(['test', '-c', '-o', path, './pkg/networkpolicy'], copy);
}

/** @returns for each world, whether each of its packets is allowed. @throws Error with what the evaluator said when it ended before */
export async function evaluate(path: string, worlds: readonly EvaluatedWorld[]): Promise<boolean[][]> {
  const child = spawn(path, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  child.stdin.end(worlds.map((world) => `${JSON.stringify(world)}\n`).join(''));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const answers = stdout.split('\n').slice(0, -1);
  if (answers.length !== worlds.length) throw new Error(`it ended with ${code} after ${answers.length} worlds: ${stderr}`);
  return answers.map((line) => JSON.parse(line) as boolean[]);
}
