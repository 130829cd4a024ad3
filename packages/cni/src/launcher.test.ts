import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import fc from 'fast-check';
import { buildLauncher, installLauncher } from '../launcher/index.ts';
import { decodeRequest, encodeResponse, type LauncherRequest } from './wire-format.ts';

const test = anyTest as TestFn<{ folder: string; launcher: string }>;

test.before(async (t) => {
  t.context.folder = await mkdtemp(join(tmpdir(), 'weir-launcher-'));
  t.context.launcher = await buildLauncher(join(t.context.folder, 'build'));
});
test.after.always((t) => rm(t.context.folder, { recursive: true, force: true }));

type Context = ExecutionContext<{ folder: string; launcher: string }>;

interface Place {
  plugins: string;
  socket: string;
}

/** What stands in for the one-shot script: says what it was given. */
const ENTRY = `import { readFileSync } from 'node:fs';
const { CNI_COMMAND, MARK } = process.env;
process.stdout.write(JSON.stringify({ arguments: process.argv.slice(2), command: CNI_COMMAND, mark: MARK, stdin: readFileSync(0, 'utf8') }));
process.stderr.write('one-shot');
process.exitCode = 3;
`;

async function install(t: Context, more: { timeout?: number; node?: string; entry?: string } = {}): Promise<Place> {
  const folder = await mkdtemp(join(t.context.folder, 'host-'));
  const entry = join(folder, 'entry.mjs');
  await writeFile(entry, ENTRY);
  const place = { plugins: join(folder, 'plugins'), socket: join(folder, 'agent.sock') };
  await installLauncher(t.context.launcher, place.plugins, {
    socket: place.socket,
    node: process.execPath,
    entry,
    config: join(folder, 'agent.yaml'),
    ...more,
  });
  return place;
}

async function listen(t: Context, path: string, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return server;
}

/** An agent that answers every request with what `answer` says. */
function agent(t: Context, path: string, answer: (request: LauncherRequest) => Buffer): Promise<Server> {
  return listen(t, path, (socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end(answer(decodeRequest(Buffer.concat(chunks)))));
  });
}

function start(path: string, env: Record<string, string>, stdin: string | Buffer): ChildProcess {
  const child = spawn(path, [], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  return child;
}

async function run(
  path: string,
  env: Record<string, string>,
  stdin: string | Buffer = '',
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = start(path, env, stdin);
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on('data', (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => output.stderr.push(chunk));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, stdout: Buffer.concat(output.stdout).toString(), stderr: Buffer.concat(output.stderr).toString() };
}

const ENV = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'redis@1:2', CNI_NETNS: '/ns', PATH: '/bin', MARK: 'kept', HOME: '/root' };

test('environment and input go to the agent, its answer comes back', async (t) => {
  const place = await install(t);
  const requests: LauncherRequest[] = [];
  await agent(t, place.socket, (request) => {
    requests.push(request);
    return encodeResponse({ exitCode: 7, stdout: 'hé\0世', stderr: 'err' });
  });
  const stdin = Buffer.from([0, 1, 2, 255, 10]);
  t.deepEqual(await run(join(place.plugins, 'weir-policy'), ENV, stdin), { exitCode: 7, stdout: 'hé\0世', stderr: 'err' });
  const { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, PATH } = ENV;
  t.deepEqual(requests, [{ tool: 'weir-policy', env: { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, PATH }, stdin }]);
});

test('input and answer of a megabyte', async (t) => {
  const place = await install(t);
  const big = 'x'.repeat(1_000_000);
  await agent(t, place.socket, ({ stdin }) => encodeResponse({ exitCode: 0, stdout: stdin.toString(), stderr: '' }));
  t.is((await run(join(place.plugins, 'weir'), ENV, big)).stdout, big);
});

test('an empty answer on both outputs is an answer', async (t) => {
  const place = await install(t);
  await agent(t, place.socket, () => encodeResponse({ exitCode: 0, stdout: '', stderr: '' }));
  t.deepEqual(await run(join(place.plugins, 'weir'), { ...ENV, CNI_COMMAND: 'DEL' }, '{}'), { exitCode: 0, stdout: '', stderr: '' });
});

const ONE_SHOT = { exitCode: 3, stderr: 'one-shot' };

test('no agent: the same tool in Node, with the same environment and input', async (t) => {
  const place = await install(t);
  const { stdout, ...rest } = await run(join(place.plugins, 'weir-ipam'), ENV, '{"name":"weir"}');
  t.deepEqual(rest, ONE_SHOT);
  t.like(JSON.parse(stdout), { command: 'ADD', mark: 'kept', stdin: '{"name":"weir"}' });
  t.deepEqual(JSON.parse(stdout).arguments, ['--config', join(place.plugins, '../agent.yaml'), '--timeout', '60', 'weir-ipam']);
});

test('a socket that nobody listens on any more', async (t) => {
  const place = await install(t);
  await writeFile(place.socket, '');
  t.like(await run(join(place.plugins, 'weir'), ENV, '{}'), ONE_SHOT);
});

test('an agent that ends before it answers, at once or after it has read: the call is made again in Node', async (t) => {
  for (const end of [
    (socket: Socket) => socket.destroy(),
    (socket: Socket) => socket.once('data', () => socket.destroy()),
    (socket: Socket) => socket.resume().once('end', () => socket.end()),
  ]) {
    const place = await install(t);
    await listen(t, place.socket, end);
    const { stdout, ...rest } = await run(join(place.plugins, 'weir'), ENV, 'x'.repeat(500_000));
    t.deepEqual(rest, ONE_SHOT);
    t.is(JSON.parse(stdout).stdin.length, 500_000);
  }
});

test('an agent that ends in the middle of its answer: nothing of it is passed on', async (t) => {
  const whole = encodeResponse({ exitCode: 0, stdout: '{"cniVersion":"1.0.0"}', stderr: '' });
  for (const length of [1, 5, whole.length - 1]) {
    const place = await install(t);
    await agent(t, place.socket, () => whole.subarray(0, length));
    const { exitCode, stdout } = await run(join(place.plugins, 'weir'), ENV, '{}');
    t.is(exitCode, 1);
    t.like(JSON.parse(stdout), { cniVersion: '0.1.0', code: 11 });
  }
});

test('an agent that hangs: an error when the time is up; a DEL without namespace ends well', async (t) => {
  const place = await install(t, { timeout: 1 });
  const sockets: Socket[] = [];
  await listen(t, place.socket, (socket) => sockets.push(socket.resume()));
  const [add, del, rebooted] = await Promise.all([
    run(join(place.plugins, 'weir'), ENV, '{}'),
    run(join(place.plugins, 'weir'), { ...ENV, CNI_COMMAND: 'DEL' }, '{}'),
    run(join(place.plugins, 'weir'), { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'x' }, '{}'),
  ]);
  for (const socket of sockets) socket.destroy();
  for (const { exitCode, stdout } of [add, del]) {
    t.is(exitCode, 1);
    t.like(JSON.parse(stdout), { cniVersion: '0.1.0', code: 11 });
    t.true(JSON.parse(stdout).msg.includes(place.socket));
  }
  t.like(rebooted, { exitCode: 0, stdout: '' });
  t.regex(rebooted.stderr, /^weir: DEL left everything to the agent/);
});

test('a missing configuration, Node or script is named', async (t) => {
  const place = await install(t, { node: '/no/such/node' });
  const weir = join(place.plugins, 'weir');
  const failure = async () => {
    const { exitCode, stdout } = await run(weir, ENV, '{}');
    t.is(exitCode, 1);
    return JSON.parse(stdout) as { code: number; msg: string };
  };
  t.like(await failure(), { code: 5, msg: `weir: no agent at ${place.socket}, and /no/such/node: No such file or directory` });

  const conf = join(place.plugins, 'weir-launcher.conf');
  const text = await readFile(conf, 'utf8');
  await writeFile(conf, text.replace(/entry=.*/, 'entry=/no/"such"/entry.ts'));
  t.like(await failure(), { code: 5, msg: `weir: no agent at ${place.socket}, and /no/"such"/entry.ts: No such file or directory` });
  await writeFile(conf, text.replace(/entry=.*\n/, '# a comment\n\n'));
  t.like(await failure(), { code: 4, msg: `weir: ${conf} lacks socket=, node=, entry= or config=; install Weir's tools again` });
  await rm(conf);
  t.like(await failure(), { code: 5, msg: `weir: ${conf}: No such file or directory; install Weir's tools again` });
});

/** Of a launcher whose installation is broken, which has nobody to ask. */
async function versionFor(t: Context, place: Place, stdin: string | Buffer): Promise<string> {
  const { exitCode, stdout } = await run(join(place.plugins, 'weir'), ENV, stdin);
  t.is(exitCode, 1);
  return (JSON.parse(stdout) as { cniVersion: string }).cniVersion;
}

test("its own errors have the configuration's version, whatever else is in there", async (t) => {
  const place = await install(t, { node: '/no/such/node' });
  const deep = '['.repeat(5000);
  for (const [stdin, version] of [
    ['{"cniVersion":"1.0.0"}', '1.0.0'],
    ['\r\n{ "name" : "a\\"cniVersion\\":\\"9\\" \\\\" ,\t"cniVersion"\n:\t"0.4.0-rc.1+x" }', '0.4.0-rc.1+x'],
    ['{"cniVersion":"0.3.1","cniVersion":"1.1.0"}', '1.1.0'],
    ['{"chain":[{"cniVersion":"0.2.0"}],"ipam":{"cniVersion":"0.2.0"},"cniVersion":"0.3.0","args":{"cniVersion":"0.2.0"}}', '0.3.0'],
    ['{"type":"cniVersion","cniVersions":["1.0.0"],"xcniVersion":"1.0.0"}', '0.1.0'],
    ['{"cniVersion":""}', '0.1.0'],
    ['{"cniVersion":1}', '0.1.0'],
    ['{"cniVersion":null,"name":"1.0.0"}', '0.1.0'],
    ['{"cniVersion":"1.0.0\\u0022"}', '0.1.0'],
    ['{"cniVersion":"1.0.0\\n"}', '0.1.0'],
    [`{"cniVersion":"${'1'.repeat(31)}"}`, '1'.repeat(31)],
    [`{"cniVersion":"${'1'.repeat(32)}"}`, '0.1.0'],
    [`{"cniVersion":"1.0.0","name":"${'x'.repeat(100_000)}`, '1.0.0'],
    [`{"name":"${'x'.repeat(100_000)}","cniVersion":"1.0.0"}`, '1.0.0'],
    ['{"cniVersion":"1.0.0', '0.1.0'],
    ['{"cniVersion":"1.0.0\\', '0.1.0'],
    ['{"cniVersion":', '0.1.0'],
    ['{"cniVersion"', '0.1.0'],
    ['"', '0.1.0'],
    ['"cniVersion":"1.0.0"', '0.1.0'],
    [deep, '0.1.0'],
    ['', '0.1.0'],
    [Buffer.from([0, 255, 34, 0, 92]), '0.1.0'],
  ] as const)
    t.is(await versionFor(t, place, stdin), version, String(stdin).slice(0, 100));
  await rm(join(place.plugins, 'weir-launcher.conf'));
  t.is(await versionFor(t, place, '{"cniVersion":"1.0.0"}'), '1.0.0');
});

test('the version that it reads is the one that a parser of JSON reads', async (t) => {
  const place = await install(t, { node: '/no/such/node' });
  const version = fc.oneof(fc.constantFrom('0.1.0', '1.0.0', '1.1.0'), fc.stringMatching(/^[0-9a-z.+-]{1,31}$/));
  const config = fc
    .tuple(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }), version, fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }))
    .map(([before, cniVersion, after]) => ({ ...before, cniVersion, chain: [after, { cniVersion: 'x' }], ...after }));
  const check = async (value: { cniVersion: unknown }, indent: number) => {
    const stdin = JSON.stringify(value, null, indent);
    const wanted = (JSON.parse(stdin) as { cniVersion: unknown }).cniVersion;
    t.is(await versionFor(t, place, stdin), wanted as string, stdin);
  };
  await fc.assert(fc.asyncProperty(config, fc.constantFrom(0, 2), check), { numRuns: 200 });
});

test('a runtime that goes away does not hold the launcher', async (t) => {
  const place = await install(t);
  await agent(t, place.socket, () => encodeResponse({ exitCode: 0, stdout: 'x'.repeat(3_000_000), stderr: '' }));
  const child = start(join(place.plugins, 'weir'), ENV, '{}');
  child.stdout?.destroy();
  t.deepEqual(await new Promise((resolve) => child.once('exit', (...how) => resolve(how))), [0, null]);
});

test('started by hand it waits for no input', async (t) => {
  const place = await install(t);
  await agent(t, place.socket, ({ env }) => encodeResponse({ exitCode: 0, stdout: '', stderr: `about ${env.CNI_COMMAND}` }));
  const child = spawn(join(place.plugins, 'weir'), [], { env: {}, stdio: ['pipe', 'ignore', 'ignore'] });
  t.is(await new Promise((resolve) => child.once('exit', resolve)), 0);
  child.stdin.destroy();
});

test('one binary under four names; a new installation replaces an old one', async (t) => {
  const place = await install(t);
  t.deepEqual((await readdir(place.plugins)).sort(), ['weir', 'weir-ipam', 'weir-launcher.conf', 'weir-policy', 'weir-route']);
  const binary = await readFile(t.context.launcher);
  for (const name of ['weir', 'weir-ipam', 'weir-route', 'weir-policy']) {
    t.true(binary.equals(await readFile(join(place.plugins, name))), name);
    t.is(statSync(join(place.plugins, name)).mode & 0o777, 0o755);
  }
  const other = join(t.context.folder, 'other');
  await writeFile(other, 'other');
  chmodSync(other, 0o755);
  const conf = { socket: '/s', node: '/n', entry: '/e', config: '/c', timeout: 5 };
  for (let times = 0; times < 2; times++) await installLauncher(other, place.plugins, conf);
  t.is(await readFile(join(place.plugins, 'weir-route'), 'utf8'), 'other');
  t.is(await readFile(join(place.plugins, 'weir-launcher.conf'), 'utf8'), 'socket=/s\nnode=/n\nentry=/e\nconfig=/c\ntimeout=5\n');
  t.is((await readdir(place.plugins)).length, 5);
});

test('it is compiled once, and a missing compiler is told', async (t) => {
  t.is(await buildLauncher(join(t.context.folder, 'build'), { compiler: '/no/such/compiler' }), t.context.launcher);
  const elsewhere = join(t.context.folder, 'elsewhere');
  await t.throwsAsync(buildLauncher(elsewhere, { compiler: '/no/such/compiler' }), {
    code: 'ENOCOMPILER',
    message: /apt-get install gcc libc6-dev/,
  });
  await t.throwsAsync(buildLauncher(elsewhere, { compiler: 'false' }), { code: 'ECOMPILE' });
  t.deepEqual(await readdir(elsewhere), []);
  t.true(existsSync(t.context.launcher));
});
