import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { PluginFolder } from '../testing/plugin-folder.ts';
import { executePlugin, findPlugin } from './execute-plugin.ts';

const environment = { PATH: process.env.PATH!, CNI_COMMAND: 'ADD' };

test('environment, standard input, output and exit code', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('echo', 'cat; env | sort | tr "\\n" " " >&2; exit 3');
  const outcome = await executePlugin({ path: join(folder.path, 'echo'), environment, stdin: 'hé世' });
  t.like(outcome, { exitCode: 3, stdout: 'hé世' });
  t.regex(outcome.stderr, /CNI_COMMAND=ADD/);
  t.notRegex(outcome.stderr, /HOME=/);
});

test('a plugin that does not read its input', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('deaf', 'exit 0');
  const outcome = await executePlugin({ path: join(folder.path, 'deaf'), environment, stdin: 'x'.repeat(1_000_000) });
  t.is(outcome.exitCode, 0);
});

test('a process left behind that holds the output open does not hold the call', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('daemon', 'sleep 20 & echo $! > $DIR/pid; echo done');
  const started = performance.now();
  const outcome = await executePlugin({ path: join(folder.path, 'daemon'), environment, stdin: '' });
  const left = Number(await readFile(join(folder.path, 'pid'), 'utf8'));
  t.true(process.kill(left));
  t.is(outcome.stdout, 'done\n');
  t.true(performance.now() - started < 10_000);
});

test('one that takes too long is killed, with code 11', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('slow', 'exec sleep 20');
  const path = join(folder.path, 'slow');
  await t.throwsAsync(executePlugin({ path, environment, stdin: '', timeout: 100 }), {
    message: `${path} did not end within 0.1 s and was killed`,
    code: 11 as never,
  });
});

test('a death by signal is told', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('dies', 'kill -TERM $$');
  t.is((await executePlugin({ path: join(folder.path, 'dies'), environment, stdin: '' })).exitCode, 'SIGTERM');
});

test('what cannot be started has code 5', async (t) => {
  const folder = await PluginFolder.make(t);
  await writeFile(join(folder.path, 'broken'), '#!/no/such/interpreter\n', { mode: 0o755 });
  await t.throwsAsync(executePlugin({ path: join(folder.path, 'broken'), environment, stdin: '' }), { code: 5 as never });
});

test('a plugin that somebody is just writing is waited for', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('fresh', 'echo done');
  const path = join(folder.path, 'fresh');
  const writer = await open(path, 'r+');
  const outcome = executePlugin({ path, environment, stdin: '' });
  await pause(20);
  await writer.close();
  t.is((await outcome).stdout, 'done\n');
});

test('plugins are found in the order of CNI_PATH; only executable files count', async (t) => {
  const [one, two] = [await PluginFolder.make(t), await PluginFolder.make(t)];
  await two.add('plugin', 'exit 0');
  await writeFile(join(one.path, 'plugin'), 'not executable', { mode: 0o644 });
  t.is(await findPlugin('plugin', ['/nowhere', one.path, two.path]), join(two.path, 'plugin'));
  await one.add('other', 'exit 0');
  await two.add('other', 'exit 0');
  t.is(await findPlugin('other', [one.path, two.path]), join(one.path, 'other'));
  await t.throwsAsync(findPlugin('none', [one.path]), { message: `there is no plugin "none" in ${one.path}`, code: 5 as never });
  for (const name of ['../plugin', '/bin/sh', '..']) await t.throwsAsync(findPlugin(name, [two.path]), { code: 7 as never });
});
