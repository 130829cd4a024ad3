/** libcni's own conversion of results, in a program of ours that hands them over. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtOnce, cacheFolder, type GoProgram, go } from './go-program.ts';

const LIBCNI = { module: 'github.com/containernetworking/cni', version: 'v1.3.0' };
const PROGRAM = new URL('libcni-results/main.go', import.meta.url).pathname;

export function findConversion(): Promise<GoProgram> {
  const source = readFileSync(PROGRAM);
  const own = createHash('sha256').update(source).digest('hex').slice(0, 12);
  const folder = cacheFolder('libcni-results', `${LIBCNI.version}-${own}`);
  const path = join(folder, 'libcni-results');
  return builtOnce(path, async () => {
    const module = join(folder, 'source');
    mkdirSync(module, { recursive: true });
    writeFileSync(join(module, 'go.mod'), `module libcni-results\n\ngo 1.21\n\nrequire ${LIBCNI.module} ${LIBCNI.version}\n`);
    writeFileSync(join(module, 'main.go'), source);
    await go(['build', '-mod=mod', '-o', `${path}.new`, '.'], {}, module);
    renameSync(`${path}.new`, path);
  });
}

/** @returns each result in its version `to`, as libcni has it */
export function convert(path: string, requests: readonly { from: string; to: string; result: object }[]): unknown[] {
  const { stdout, stderr, status } = spawnSync(path, {
    input: requests.map((request) => JSON.stringify(request)).join('\n'),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${path} ended with ${status}: ${stderr}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
