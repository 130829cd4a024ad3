import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { resolveStoreOptions } from '@weir/datastore';
import test from 'ava';
import { StoreCommand } from './command-line/store-command.ts';
import { COMMANDS } from './commands.ts';
import { ENTRY, endpoint, host, POOL, Weir } from './testing/weir.ts';

test('without words, and with --help, the pages tell what to try and what the exit status says', async (t) => {
  const weir = await Weir.in(t);
  for (const argv of [[], ['--help'], ['-h']]) {
    const page = await weir.ok(t, argv);
    t.regex(page, /EXAMPLES\n[\s\S]*weir apply -f/);
    t.regex(page, /EXIT STATUS\n {2}0 {2}done\n/);
  }
  t.is(await weir.ok(t, ['help']), await weir.ok(t, ['--help']));
  t.is(await weir.ok(t, ['help', 'ipam', 'show']), await weir.ok(t, ['ipam', 'show', '--help']));
  t.regex(await weir.ok(t, ['endpoint']), /endpoint list/);
});

test('every command has a summary, and examples', (t) => {
  for (const [id, command] of Object.entries(COMMANDS)) {
    t.truthy(command.summary, id);
    t.true((command.examples?.length ?? 0) > 0, id);
  }
});

test('the usage of what works on the store is short, and its flags name their defaults', async (t) => {
  const weir = await Weir.in(t);
  for (const [id, command] of Object.entries(COMMANDS)) {
    if (!(command.prototype instanceof StoreCommand)) continue;
    for (const usage of [command.usage ?? ''].flat())
      t.true(usage.startsWith(`${id.replaceAll(':', ' ')} `) && usage.endsWith(' [STORE FLAGS]'), id);
  }
  const page = (await weir.ok(t, ['version', '--help'])).replaceAll(/\s+/g, ' ');
  const { timeoutMilliseconds, ...rest } = resolveStoreOptions({ env: {} });
  t.is(rest.backend, 'embedded');
  t.regex(page, /--store=\(embedded\|etcd\) Kind of store\. Default: etcd where its endpoints are named, else embedded\./);
  t.true(page.includes(`may take. Default: ${timeoutMilliseconds / 1000}.`), page);
  t.true(page.includes(`Default: ${(rest as { path: string }).path}.`), page);
});

test('a page of help loads nothing of the store: the program starts in half the time', async (t) => {
  const weir = await Weir.in(t);
  const tell = "process.once('exit', () => console.error(seen.filter((url) => /[/](datastore|resources|zod|yaml)[/]/.test(url)).join()))";
  const hooks = 'registerHooks({ load: (url, context, next) => (seen.push(url), next(url, context)) })';
  const code = `import { registerHooks } from 'node:module'; const seen = []; ${hooks}; ${tell};`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  const { status, stderr } = await weir.runProcess(['get', '--help'], { env: { NODE_OPTIONS } });
  t.deepEqual([status, stderr], [0, '\n']);
});

test('a command that is not there: status 2 and what was meant', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 2, ['aply', '-f', 'x.yaml']), /no command "aply": did you mean weir apply\?/);
  t.regex(await weir.fails(t, 2, ['gte', 'pools']), /did you mean weir get\?/);
  t.regex(await weir.fails(t, 2, ['endpoint', 'lst']), /did you mean weir endpoint list\?/);
  t.regex(await weir.fails(t, 2, ['frobnicate']), /weir --help lists/);
  t.is(await weir.fails(t, 2, ['apply', 'x.yaml']), 'error: weir apply does not take "x.yaml": name files with -f\n');
  t.is(await weir.fails(t, 2, ['topology', 'h1']), 'error: weir topology does not take "h1": see weir topology --help\n');
  t.regex(await weir.fails(t, 2, ['--store-path', 'x', 'get', 'pools']), /--store-path stands before the command/);
  t.regex(await weir.fails(t, 2, ['get', 'pools', '--frob']), /Nonexistent flag: --frob/);
});

test('the exit status reaches the caller, output and errors their streams', async (t) => {
  const weir = await Weir.in(t);
  t.deepEqual(await weir.runProcess(['apply', '-f', '-'], { stdin: POOL }), { status: 0, stdout: 'pool/main created\n', stderr: '' });
  t.deepEqual(await weir.runProcess(['get', 'pool', 'x']), { status: 1, stdout: '', stderr: 'error: pool/x was not found\n' });
  t.is((await weir.runProcess(['get', 'pols'])).status, 2);
  t.is((await weir.runProcess(['get', 'pools', '--etcd-endpoints', '127.0.0.1:1'])).status, 3);
});

test('DEBUG adds the stack, nothing else does', async (t) => {
  const weir = await Weir.in(t);
  t.regex((await weir.run(['get', 'pool', 'x'], { env: { DEBUG: '1' } })).stderr, /^ +at /m);
  await weir.fails(t, 1, ['get', 'pool', 'x']);
});

test('an etcd that refuses, and one that does not answer: status 3 after 5 s at most, naming the endpoint', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 3, ['get', 'pools', '--etcd-endpoints', '127.0.0.1:1']), /http:\/\/127\.0\.0\.1:1.*ECONNREFUSED/);
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const endpoint = `http://127.0.0.1:${(silent.address() as { port: number }).port}`;
  const text = await weir.fails(t, 3, ['get', 'pools'], { env: { WEIR_ETCD_ENDPOINTS: endpoint } });
  t.regex(text, new RegExp(`etcd ${endpoint}: no answer in 5\\.\\d+s`));
});

test('store settings: flags before variables before the file; a wrong one is status 2 and named', async (t) => {
  const weir = await Weir.in(t);
  const config = await weir.file('weir.yaml', `host: h1\nstore:\n  path: ${join(weir.folder, 'by-file.db')}\n`);
  for (const name of ['by-file.db', 'by-flag.db']) await weir.file(name, '');
  const place = async (argv: string[], env: NodeJS.ProcessEnv = {}) =>
    /embedded in .*\/(.*), revision/.exec(await weir.ok(t, ['version', ...argv], { env }))?.[1];
  t.is(await place(['--config', config], { WEIR_STORE_PATH: '' }), 'by-file.db');
  t.is(await place([], { WEIR_STORE_PATH: '', WEIR_CONFIG: config }), 'by-file.db');
  t.is(await place(['--config', config]), 'weir.db');
  t.is(await place(['--config', config, '--store-path', 'by-flag.db']), 'by-flag.db');
  t.regex(await weir.fails(t, 2, ['get', 'pools', '--etcd-endpoints', 'ftp://x']), /--etcd-endpoints: "ftp:\/\/x"/);
  t.regex(await weir.fails(t, 2, ['get', 'pools', '--config', 'nowhere.yaml']), /nowhere\.yaml/);
  const empty = await weir.file('empty.yaml', 'host: h1\n');
  t.regex(await weir.fails(t, 2, ['get', 'pools', '--config', empty]), /empty\.yaml has no section "store"/);
});

test('who only looks makes no embedded store: there is none, status 3, and how to name one', async (t) => {
  const weir = await Weir.in(t);
  const path = join(weir.folder, 'none/weir.db');
  const env = { WEIR_STORE_PATH: path };
  for (const argv of [
    ['get', 'pools'],
    ['get', 'pools', '--watch'],
    ['describe', 'pool', 'main'],
    ['ipam', 'show'],
    ['endpoint', 'list'],
    ['node', 'status'],
    ['version'],
    ['label', 'namespace', 'shop', 'team=web'],
    ['delete', 'pool', 'main'],
    ['replace', '-f', '-'],
  ]) {
    const text = await weir.fails(t, 3, argv, { env, stdin: POOL });
    t.regex(text, /^error: there is no store at .*none\/weir\.db\n {2}name the one to use: .*--config FILE/);
    t.false(existsSync(join(weir.folder, 'none')), argv.join(' '));
  }
  t.is(await weir.ok(t, ['create', '-f', '-'], { env, stdin: POOL }), 'pool/main created\n');
  t.is(await weir.ok(t, ['get', 'pools', '-o', 'name'], { env }), 'pool/main\n');
  t.is(await weir.ok(t, ['apply', '-f', '-', '--store-path', 'new.db'], { stdin: POOL }), 'pool/main created\n');
});

test('no colours where there is no terminal', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  for (const argv of [['--help'], ['get', 'pools'], ['get', '--help']]) t.false((await weir.ok(t, argv)).includes('\u001b['));
});

test('completion in bash: commands, flags and their values, kinds, and names from the store', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    host('h1', '192.168.0.1'),
    endpoint('web1', { run: 'web', 'weir/app': '/shop/web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('web2', { run: 'web' }, { on: 'h1', address: '10.77.0.2' }),
  );
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  const complete = async (line: string) => {
    const found = await weir.ok(t, ['complete', '--', ...line.split(' ')]);
    return found.split('\n').slice(0, -1);
  };
  t.deepEqual(await complete('ap'), ['api', 'apply']);
  t.deepEqual(await complete('endpoint l'), ['list']);
  t.deepEqual(await complete('api '), ['token']);
  t.deepEqual(await complete('apply --dr'), ['--dry-run']);
  t.deepEqual(await complete('get pools -o w'), ['wide']);
  t.deepEqual(await complete('get hoste'), ['hostendpoints']);
  t.deepEqual(await complete('get endpoints '), [], 'there is none in the namespace default');
  t.deepEqual(await complete('get ep -n '), ['shop']);
  t.deepEqual(await complete('describe ep -n shop web1-eth0 '), ['web2-eth0'], 'not the one that is there already');
  t.deepEqual(await complete('get -A ep web'), ['web1-eth0', 'web2-eth0']);
  t.deepEqual(await complete('delete pool/'), ['pool/main']);
  t.deepEqual(await complete('node routes '), ['h1']);
  t.deepEqual(await complete('trace --from '), ['/shop/web', 'host/h1', 'outside', 'shop/run=web']);
  t.deepEqual(await complete('frobnicate x'), []);
  t.deepEqual(await complete('get pool --store-path /none/weir.db '), [], 'a store that is not there has no names, and makes no noise');

  const script = await weir.ok(t, ['completion']);
  const bin = await weir.file('weir', `#!/bin/sh\nexec '${process.execPath}' '${ENTRY}' "$@"\n`);
  await chmod(bin, 0o755);
  const inBash = async (line: string) => {
    const typed = `COMP_LINE='${line}' COMP_POINT=${line.length}; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: `${weir.folder}:${process.env.PATH}`, WEIR_STORE_PATH: join(weir.folder, 'weir.db') };
    const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\n${typed}`], { env });
    return stdout.trim().split('\n');
  };
  t.deepEqual(await inBash('weir apply --f'), ['--filename']);
  t.deepEqual(await inBash('weir get ep -n shop '), ['web1-eth0', 'web2-eth0']);
  t.deepEqual(await inBash('weir trace --from shop/run=w'), ['web'], 'bash splits words at "=", and completes what is behind');
});
