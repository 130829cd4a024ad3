/** SIG Network's own implementation of Kubernetes' policies: its evaluator, which is asked packet by packet, without a cluster. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, copyFile, cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { builtOnce, cacheFolder, type GoProgram, go } from './go-program.ts';

const MODULE = 'sigs.k8s.io/kube-network-policies';
const VERSION = 'v0.8.0';
const PROGRAM = new URL('kube-network-policies/answers_test.go', import.meta.url).pathname;

export interface EvaluatedWorld {
  namespaces: object[];
  pods: object[];
  policies: object[];
  admin: object[];
  baseline: object[];
  packets: { source: string; destination: string; protocol: string; sourcePort: number; destinationPort: number }[];
}

/** The evaluator, which no program of that module shows: built with one of ours in its package. */
export function findEvaluator(): Promise<GoProgram> {
  const own = createHash('sha256').update(readFileSync(PROGRAM)).digest('hex').slice(0, 12);
  const folder = cacheFolder('kube-network-policies', `${VERSION}-${own}`);
  const path = join(folder, 'answers');
  return builtOnce(path, async () => {
    const { Dir: sources } = JSON.parse(await go(['mod', 'download', '-json', `${MODULE}@${VERSION}`])) as { Dir: string };
    const copy = join(folder, 'source');
    await rm(copy, { recursive: true, force: true });
    await cp(sources, copy, { recursive: true });
    const evaluator = join(copy, 'pkg/networkpolicy');
    // Go keeps what it downloads unchangeable.
    for (const place of [copy, evaluator]) await chmod(place, 0o755);
    for (const name of readdirSync(evaluator)) if (name.endsWith('_test.go')) await rm(join(evaluator, name));
    await copyFile(PROGRAM, join(evaluator, 'answers_test.go'));
    await go(['test', '-c', '-o', `${path}.new`, './pkg/networkpolicy'], {}, copy);
    await rename(`${path}.new`, path);
  });
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
