import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { TOOLS } from './tool-table.ts';

const SCRIPT = fileURLToPath(new URL('../launcher/install.ts', import.meta.url));

interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

function install(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...args], { cwd: '/' }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('every tool is installed, and what the launcher needs beside them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-install-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const pluginsDir = join(folder, 'plugins');
  for (const _ of ['first', 'again']) {
    const { exitCode, stdout, stderr } = await install(
      '--plugins-dir',
      pluginsDir,
      '--config',
      '/etc/w.yaml',
      '--run-dir',
      '/run/w',
      '--timeout',
      '9',
    );
    t.is(exitCode, 0, stderr);
    t.deepEqual(
      stdout.trim().split('\n'),
      [...TOOLS.keys()].map((name) => join(pluginsDir, name)),
    );
  }
  t.deepEqual((await readdir(pluginsDir)).sort(), [...TOOLS.keys(), 'weir-launcher.conf'].sort());
  const lines = (await readFile(join(pluginsDir, 'weir-launcher.conf'), 'utf8')).trim().split('\n');
  const conf = Object.fromEntries(lines.map((line) => line.split('=', 2)));
  t.like(conf, { socket: '/run/w/agent.sock', node: process.execPath, config: '/etc/w.yaml', timeout: '9' });
  await t.notThrowsAsync(access(conf.entry));
});

for (const [args, message] of [
  [[], '--plugins-dir is missing'],
  [['--plugins-dir', 'bin'], '--plugins-dir bin: expected an absolute path'],
  [['--plugins-dir', '/opt/cni/bin', '--timeout', '1.5'], '--timeout 1.5: expected whole seconds'],
  [['--plugin-dir', '/opt/cni/bin'], "Unknown option '--plugin-dir'"],
] as const) {
  test(`wrong usage: ${args.join(' ') || 'nothing'}`, async (t) => {
    const { exitCode, stdout, stderr } = await install(...args);
    t.like({ exitCode, stdout }, { exitCode: 2, stdout: '' });
    t.true(stderr.startsWith(`error: ${message}`), stderr);
  });
}
