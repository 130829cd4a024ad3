/** The launcher for arm64, on whatever machine this is: cross-compiled, and run by an emulator of the processor that hands on its system calls. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { buildLauncher, installLauncher } from '../launcher/index.ts';
import { decodeRequest, encodeResponse } from './wire-format.ts';

const EMULATOR = 'qemu-aarch64-static';
const isEmulated = process.arch !== 'arm64';
const missing = isEmulated ? ['aarch64-linux-gnu-gcc', EMULATOR].filter((program) => !isThere(program)) : [];
// They are 200 MB, which is too much to ask of everybody who runs the tests.
const anyTest = missing.length === 0 ? test : test.skip;
if (missing.length > 0)
  console.log(
    `launcher for arm64 not tested: ${missing.join(' and ')} missing (apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static)`,
  );

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function install(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-arm64-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, 'entry.mjs');
  writeFileSync(
    entry,
    "import { readFileSync } from 'node:fs';\nprocess.stdout.write('Node: ' + process.argv.at(-1) + ' ' + readFileSync(0));",
  );
  const socket = join(folder, 'agent.sock');
  const launcher = await buildLauncher(join(folder, 'build'), { processor: 'arm64' });
  const conf = { socket, node: process.execPath, entry, config: '/c', timeout: 5 };
  await installLauncher(launcher, join(folder, 'plugins'), conf);
  const run = async (tool: string, env: Record<string, string>, stdin: string) => {
    const path = join(folder, 'plugins', tool);
    const [program, words] = isEmulated ? [EMULATOR, [path]] : [path, []];
    const child = spawn(program, words, { env: { PATH: process.env.PATH!, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(stdin);
    const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { exitCode, stdout, stderr };
  };
  return { socket, entry, run };
}

anyTest('an agent answers, over a megabyte both ways', async (t) => {
  const { socket, run } = await install(t);
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    const chunks: Buffer[] = [];
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    connection.on('end', () => {
      const { tool, env, stdin } = decodeRequest(Buffer.concat(chunks));
      connection.end(encodeResponse({ exitCode: 7, stdout: stdin.toString(), stderr: `${tool} ${env.CNI_COMMAND}` }));
    });
  }).listen(socket);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const big = 'x'.repeat(1_000_000);
  t.deepEqual(await run('weir-route', { CNI_COMMAND: 'ADD' }, big), { exitCode: 7, stdout: big, stderr: 'weir-route ADD' });
});

anyTest('no agent: the same tool in Node; where that is missing too, an error, and for Mesos after a reboot none', async (t) => {
  const { entry, run } = await install(t);
  t.deepEqual(await run('weir-ipam', { CNI_COMMAND: 'ADD' }, '{}'), { exitCode: 0, stdout: 'Node: weir-ipam {}', stderr: '' });
  rmSync(entry);
  const failed = await run('weir', { CNI_COMMAND: 'ADD', CNI_NETNS: '/ns' }, '{}');
  t.is(failed.exitCode, 1);
  t.like(JSON.parse(failed.stdout), { cniVersion: '0.1.0', code: 5 });
  const rebooted = await run('weir', { CNI_COMMAND: 'DEL' }, '{}');
  t.like(rebooted, { exitCode: 0, stdout: '' });
  t.regex(rebooted.stderr, /DEL left everything to the agent/);
});

anyTest('an agent that does not answer is waited for as long as is said', async (t) => {
  const { socket, run } = await install(t);
  const server = createServer(() => {}).listen(socket);
  await once(server, 'listening');
  const answer = await run('weir', { CNI_COMMAND: 'ADD' }, '{}');
  t.is(answer.exitCode, 1);
  t.like(JSON.parse(answer.stdout), { code: 11 });
  server.close();
});
