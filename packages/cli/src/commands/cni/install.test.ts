import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { currentBundle } from '@weir/agent/one-shot-bundle';
import { TOOLS } from '@weir/cni';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { Weir } from '../../testing/weir.ts';

interface Host {
  weir: Weir;
  flags: string[];
  path(name: string): string;
}

async function hostIn(t: ExecutionContext): Promise<Host> {
  const weir = await Weir.in(t);
  const path = (name: string) => join(weir.folder, name);
  await mkdir(path('etc'));
  const folders = { 'plugins-dir': 'plugins', 'config-dir': 'networks', config: 'etc/agent.yaml', 'unit-dir': 'units', 'bin-dir': 'bin' };
  const flags = Object.entries(folders).flatMap(([flag, folder]) => [`--${flag}`, path(folder)]);
  return { weir, flags, path };
}

const FILES = [
  'etc/agent.yaml',
  'plugins/weir-launcher.conf',
  ...[...TOOLS.keys()].map((name) => `plugins/${name}`),
  'bin/weir',
  'units/weir-agent.service',
  'networks/weir.json',
];

const actions = (text: string) =>
  text
    .split('\n\n')[0]!
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/) as [string, string]);

test('a host gets everything, in an order in which Mesos may run meanwhile; the second time nothing changes', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  const argv = ['cni', 'install', ...flags, '--etcd-endpoints', '10.0.0.1:2379,10.0.0.2:2379', '--timeout', '9'];
  t.deepEqual(
    actions(await weir.ok(t, argv)),
    FILES.map((file) => ['created', path(file)]),
  );
  t.deepEqual(parse(await readFile(path('etc/agent.yaml'), 'utf8')), {
    store: { backend: 'etcd', etcd: { endpoints: ['http://10.0.0.1:2379', 'http://10.0.0.2:2379'] } },
  });
  const conf = await readFile(path('plugins/weir-launcher.conf'), 'utf8');
  t.regex(conf, /^timeout=9$/m);
  t.regex(conf, new RegExp(`^config=${path('etc/agent.yaml')}$`, 'm'));
  t.true(existsSync(/^entry=(.*)$/m.exec(conf)![1]!));
  for (const tool of TOOLS.keys()) t.is((await stat(path(`plugins/${tool}`))).mode & 0o777, 0o755);
  t.deepEqual(JSON.parse(await readFile(path('networks/weir.json'), 'utf8')).type, 'weir');
  // A draft that is left would be a network to Mesos.
  t.deepEqual(await readdir(path('networks')), ['weir.json']);
  t.deepEqual((await readdir(path('plugins'))).sort(), [...TOOLS.keys(), 'weir-launcher.conf'].sort());
  t.not(currentBundle(), undefined);

  t.deepEqual(
    actions(await weir.ok(t, argv)),
    FILES.map((file) => ['unchanged', path(file)]),
  );
});

test('the installed command and the unit start this program', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  await weir.ok(t, ['cni', 'install', ...flags]);
  const said = await new Promise<string>((resolve, reject) => {
    execFile(path('bin/weir'), ['version', '--client'], (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
  t.regex(said, /^Client: weir \d/);
  const [, start = ''] = /^ExecStart=(.*)$/m.exec(await readFile(path('units/weir-agent.service'), 'utf8')) ?? [];
  const [node = '', program = '', ...words] = start.split(' ');
  t.true(existsSync(node) && existsSync(program), start);
  t.deepEqual(words, ['agent', '--config', path('etc/agent.yaml')]);
});

test('systemd finds nothing to say of the unit, whatever is in its paths', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  for (const folder of ['etc', 'odd $HOME %n "x" \\']) {
    await mkdir(path(folder), { recursive: true });
    const config = path(`${folder}/agent.yaml`);
    await weir.ok(t, ['cni', 'install', ...flags.map((flag) => (flag === path('etc/agent.yaml') ? config : flag)), '--force']);
    const said = await new Promise((resolve) => {
      const command = ['verify', '--man=no', path('units/weir-agent.service')];
      execFile('systemd-analyze', command, (error, stdout, stderr) => resolve({ error, text: stdout + stderr }));
    });
    t.deepEqual(said, { error: null, text: '' }, folder);
  }
});

test('--dry-run tells the same and changes nothing', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  const text = await weir.ok(t, ['cni', 'install', ...flags, '--dry-run']);
  t.deepEqual(
    actions(text),
    FILES.map((file) => ['would be created', path(file)]),
  );
  for (const file of FILES) t.false(existsSync(path(file)), file);
  const { dryRun, changes } = JSON.parse(await weir.ok(t, ['cni', 'install', ...flags, '--dry-run', '-o', 'json']));
  t.true(dryRun);
  t.deepEqual(
    changes,
    FILES.map((file) => ({ path: path(file), action: 'created' })),
  );
});

test("an operator's configuration stays; what is Weir's own is brought up to date", async (t) => {
  const { weir, flags, path } = await hostIn(t);
  await weir.ok(t, ['cni', 'install', ...flags]);
  const agent = 'host: node-7\nrunDir: /run/other\n';
  const network = '{"name":"weir","type":"weir","chain":[{"type":"weir-route","mtu":1400}]}';
  await writeFile(path('etc/agent.yaml'), agent);
  await writeFile(path('networks/weir.json'), network);
  await writeFile(path('plugins/weir'), 'older: reads weir-launcher.conf');
  await chmod(path('plugins/weir'), 0o700);
  const done = Object.fromEntries(actions(await weir.ok(t, ['cni', 'install', ...flags])).map(([action, file]) => [file, action]));
  const kept = ': it is other than a new one would be';
  t.is(done[path('etc/agent.yaml') + kept], 'kept');
  t.is(done[path('networks/weir.json') + kept], 'kept');
  t.is(done[path('plugins/weir')], 'replaced');
  t.is(await readFile(path('etc/agent.yaml'), 'utf8'), agent);
  t.is(await readFile(path('networks/weir.json'), 'utf8'), network);
  t.is((await stat(path('plugins/weir'))).mode & 0o777, 0o755);
  t.regex(await readFile(path('plugins/weir-launcher.conf'), 'utf8'), /^socket=\/run\/other\/agent.sock$/m);
});

for (const [file, content] of [
  ['plugins/weir-route', '#!/bin/sh\n# somebody else'],
  ['networks/weir.json', '{"name":"x","type":"bridge"}'],
  ['networks/a.json', '{"name":"weir","type":"bridge"}'],
  ['units/weir-agent.service', '[Service]\nExecStart=/usr/bin/true\n'],
  ['bin/weir', '#!/bin/sh\n'],
] as const) {
  test(`a file of somebody else's is in the way: nothing is installed without --force (${file})`, async (t) => {
    const { weir, flags, path } = await hostIn(t);
    await mkdir(join(path(file), '..'), { recursive: true });
    await writeFile(path(file), content);
    const text = await weir.fails(t, 1, ['cni', 'install', ...flags]);
    t.true(text.includes(path(file)) && text.includes('--force'), text);
    t.false(existsSync(path('plugins/weir')));
    t.is(await readFile(path(file), 'utf8'), content);
    await weir.ok(t, ['cni', 'install', ...flags, '--force']);
    t.true(existsSync(path('plugins/weir')));
  });
}

test('uninstall takes the same away, network files first, and leaves what is not of the installation', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  await weir.ok(t, ['cni', 'install', ...flags]);
  await writeFile(path('plugins/bridge'), 'another plugin');
  await writeFile(path('bin/weir'), 'another program');
  const would = actions(await weir.ok(t, ['cni', 'uninstall', ...flags, '--dry-run']));
  const [head, ...done] = actions(await weir.ok(t, ['cni', 'uninstall', ...flags]));
  t.deepEqual(head, ['removed', path('networks/weir.json')]);
  t.is(would.length, done.length + 1);
  t.deepEqual(await readdir(path('networks')), []);
  t.deepEqual(await readdir(path('units')), []);
  t.deepEqual(await readdir(path('plugins')), ['bridge']);
  t.deepEqual(await readdir(path('bin')), ['weir']);
  t.true(existsSync(path('etc/agent.yaml')));
  await rm(path('bin/weir'));
  t.is(await weir.ok(t, ['cni', 'uninstall', ...flags]), 'Nothing of Weir is installed in these folders.\n');
});

test('uninstall is refused while the agent runs, and for a network file that was edited', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  await writeFile(path('etc/agent.yaml'), `runDir: ${path('run')}\n`);
  await weir.ok(t, ['cni', 'install', ...flags]);
  await mkdir(path('run'));
  const agent = createServer();
  await new Promise<void>((resolve) => agent.listen(path('run/agent.sock'), resolve));
  t.regex(await weir.fails(t, 1, ['cni', 'uninstall', ...flags]), /agent\.sock is served by an agent: systemctl disable/);
  await new Promise((resolve) => agent.close(resolve));
  await writeFile(path('networks/weir.json'), '{"name":"weir","type":"weir"}');
  t.regex(await weir.fails(t, 1, ['cni', 'uninstall', ...flags]), /weir\.json was edited/);
  t.true(existsSync(path('plugins/weir')));
  await weir.ok(t, ['cni', 'uninstall', ...flags, '--force']);
  t.false(existsSync(path('plugins/weir')));
});

test('wrong flags: status 2, and no password gets into a file', async (t) => {
  const { weir, flags, path } = await hostIn(t);
  t.regex(await weir.fails(t, 2, ['cni', 'install', ...flags, '--network', 'nope']), /no network file "nope"[\s\S]*ready ones: .*weir/);
  t.regex(await weir.fails(t, 2, ['cni', 'install', ...flags, '--etcd-endpoints', 'http://a']), /must be host:port/);
  const text = await weir.fails(t, 2, ['cni', 'install', ...flags, '--etcd-endpoints', 'a:1', '--etcd-user', 'weir:s3cret']);
  t.true(text.includes('--etcd-password-file') && !text.includes('s3cret'), text);
  await writeFile(path('list.json'), '{"name":"x","plugins":[]}');
  t.regex(await weir.fails(t, 2, ['cni', 'install', ...flags, '--network', path('list.json')]), /weir cni convert/);
  t.false(existsSync(path('plugins')));
  const secret = path('password');
  await writeFile(secret, 's3cret');
  await weir.ok(t, ['cni', 'install', ...flags, '--etcd-endpoints', 'a:1', '--etcd-user', 'weir', '--etcd-password-file', secret]);
  const written = await readFile(path('etc/agent.yaml'), 'utf8');
  t.false(written.includes('s3cret'));
  t.is(parse(written).store.etcd.passwordFile, secret);
});
