import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NetworkCniIsolator } from './isolator.ts';

/** A plugin that writes down how it was called and answers with the config's `answer`, or fails when that says so. */
const PLUGIN = `#!${process.execPath}
const { fstatSync, readFileSync, appendFileSync } = require('node:fs');
const stdin = readFileSync(0, 'utf8');
const config = JSON.parse(stdin);
appendFileSync(config.journal, JSON.stringify({ env: process.env, stdin, regular: fstatSync(0).isFile(), arguments: process.argv.length - 2 }) + '\\n');
if (config.failOn === process.env.CNI_COMMAND) { process.stdout.write('out'); process.stderr.write('err'); process.exitCode = 7; }
else if (process.env.CNI_COMMAND === 'ADD') process.stdout.write(JSON.stringify(config.answer ?? { ip4: { ip: '10.0.0.' + config.number + '/32' } }));
`;

interface Call {
  env: Record<string, string>;
  stdin: string;
  regular: boolean;
  arguments: number;
}

function setUp(t: ExecutionContext) {
  const root = mkdtempSync(join(tmpdir(), 'weir-isolator-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  for (const folder of ['config', 'first', 'second']) mkdirSync(join(root, folder));
  const log: string[] = [];
  const host = {
    root,
    log,
    journal: join(root, 'journal'),
    write: (file: string, content: unknown) =>
      writeFileSync(join(root, 'config', file), typeof content === 'string' ? content : JSON.stringify(content)),
    install: (folder: string, name: string) => writeFileSync(join(root, folder, name), PLUGIN, { mode: 0o755 }),
    isolator: () =>
      new NetworkCniIsolator({
        configDir: join(root, 'config'),
        pluginsDir: `${root}/first:${root}/second`,
        runtimeDir: join(root, 'run'),
        namespaces: { create: (path) => symlinkSync('/proc/self/ns/net', path), remove: (path) => rmSync(path) },
        log: (line) => log.push(line),
      }),
    calls: () =>
      existsSync(host.journal)
        ? readFileSync(host.journal, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as Call)
        : [],
  };
  return host;
}

test('a plugin gets six variables, a regular file as stdin, and no argument', async (t) => {
  const host = setUp(t);
  host.install('second', 'fake');
  host.write('a', { name: 'a', type: 'fake', number: 1, journal: host.journal });
  const isolator = host.isolator();
  t.true(isolator.prepare('c1', { networkInfos: [{ name: 'a' }] }));
  await isolator.isolate('c1');
  const [call] = host.calls();
  t.deepEqual(Object.keys(call!.env).sort(), ['CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_NETNS', 'CNI_PATH', 'PATH']);
  t.is(call!.env.CNI_PATH, `${host.root}/first:${host.root}/second`);
  t.true(call!.regular);
  t.is(call!.arguments, 0);
  t.is(
    call!.stdin,
    `{"args":{"org.apache.mesos":{"network_info":{"name":"a"}}},"journal":"${host.journal}","name":"a","number":1,"type":"fake"}`,
  );
});

test('several networks: eth0, eth1 in order; /etc/hosts has the first address; DEL gets the stored JSON though the file has changed', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('z', { name: 'z', type: 'fake', number: 1, journal: host.journal });
  host.write('a', { name: 'a', type: 'fake', number: 2, journal: host.journal });
  const isolator = host.isolator();
  isolator.prepare('c1', { networkInfos: [{ name: 'z' }, {}, { name: 'a' }], hostname: 'web' });
  const files = await isolator.isolate('c1');
  t.is(readFileSync(files.hostsFile, 'utf8'), '127.0.0.1 localhost\n10.0.0.1 web\n');
  t.is(readFileSync(files.hostnameFile, 'utf8'), 'web');
  t.is(files.resolvConfFile, '/etc/resolv.conf');
  t.deepEqual(
    isolator.status('c1').map(({ name, ip_addresses }) => [name, ip_addresses[0]?.ip_address]),
    [
      ['z', '10.0.0.1'],
      ['a', '10.0.0.2'],
    ],
  );
  const container = join(host.root, 'run/isolators/network/cni/c1');
  t.true(existsSync(join(container, 'z/eth0/network.info')));
  host.write('a', { name: 'a', type: 'gone' });
  await isolator.cleanup('c1');
  const byInterface = Map.groupBy(host.calls(), ({ env }) => env.CNI_IFNAME!);
  t.deepEqual([...byInterface.keys()].sort(), ['eth0', 'eth1']);
  for (const [add, del] of byInterface.values()) t.is(del!.stdin, add!.stdin);
  t.false(existsSync(container));
});

test('one failing ADD fails the launch with stdout and stderr pasted; DEL follows for all networks', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('good', { name: 'good', type: 'fake', number: 1, journal: host.journal });
  host.write('bad', { name: 'bad', type: 'fake', failOn: 'ADD', journal: host.journal });
  const isolator = host.isolator();
  isolator.prepare('c1', { networkInfos: [{ name: 'good' }, { name: 'bad' }] });
  await t.throwsAsync(isolator.isolate('c1'), {
    code: 'EPLUGIN',
    message: `The CNI plugin '${host.root}/first/fake' failed to attach container c1 to CNI network 'bad': stdout='out', stderr='err'`,
  });
  await isolator.cleanup('c1');
  t.deepEqual(
    host
      .calls()
      .map(({ env }) => `${env.CNI_COMMAND} ${env.CNI_IFNAME}`)
      .sort(),
    ['ADD eth0', 'ADD eth1', 'DEL eth0', 'DEL eth1'],
  );
});

test('a failing DEL leaves the container stuck; the next agent tries again, the one attached network only', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('good', { name: 'good', type: 'fake', number: 1, journal: host.journal });
  host.write('bad', { name: 'bad', type: 'fake', number: 2, failOn: 'DEL', journal: host.journal });
  const isolator = host.isolator();
  isolator.prepare('c1', { networkInfos: [{ name: 'good' }, { name: 'bad' }] });
  await isolator.isolate('c1');
  await t.throwsAsync(isolator.cleanup('c1'), { code: 'ESTUCK' });
  t.true(existsSync(join(host.root, 'run/isolators/network/cni/c1/ns')));
  const stuck = await host.isolator().recover(new Map());
  t.regex(stuck.get('c1')!, /network 'bad'/);
  t.deepEqual(
    host
      .calls()
      .slice(4)
      .map(({ env }) => `${env.CNI_COMMAND} ${env.CNI_IFNAME}`),
    ['DEL eth1'],
  );
});

test('recovery: living containers get no call and keep their addresses', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('a', { name: 'a', type: 'fake', number: 1, journal: host.journal });
  const before = host.isolator();
  for (const id of ['living', 'orphan']) {
    before.prepare(id, { networkInfos: [{ name: 'a' }] });
    await before.isolate(id);
  }
  const after = host.isolator();
  await after.recover(new Map([['living', [{ name: 'a' }]]]));
  t.deepEqual(
    host
      .calls()
      .slice(2)
      .map(({ env }) => `${env.CNI_COMMAND} ${env.CNI_CONTAINERID}`),
    ['DEL orphan'],
  );
  t.is(after.status('living')[0]?.ip_addresses[0]?.ip_address, '10.0.0.1');
});

test('a nested container without networks joins its root container: no call', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('a', { name: 'a', type: 'fake', number: 1, journal: host.journal });
  const isolator = host.isolator();
  isolator.prepare('c1', { networkInfos: [{ name: 'a' }] });
  const root = await isolator.isolate('c1');
  isolator.prepare('c1.n', { networkInfos: [] });
  t.is((await isolator.isolate('c1.n')).namespace, root.namespace);
  await isolator.cleanup('c1.n');
  t.is(host.calls().length, 1);
  t.is(isolator.status('c1')[0]?.ip_addresses[0]?.ip_address, '10.0.0.1');
});

test('network files: any extension; lists, duplicates and missing plugins are skipped with a logged error; read again at each launch', (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('no-extension', { name: 'plain', type: 'fake' });
  host.write('x.bak', { name: 'bak', type: 'fake' });
  host.write('x.conflist', { name: 'list', plugins: [{ type: 'fake' }] });
  host.write('typed.conflist', { name: 'typed', type: 'fake', plugins: [{ type: 'other' }] });
  host.write('duplicate', { name: 'plain', type: 'fake' });
  host.write('missing', { name: 'missing', type: 'absent' });
  host.write('no-ipam', { name: 'no-ipam', type: 'fake', ipam: { type: 'absent' } });
  host.write('broken', '{"name": ');
  const isolator = host.isolator();
  for (const name of ['plain', 'bak', 'typed']) t.true(isolator.prepare(name, { networkInfos: [{ name }] }));
  for (const name of ['list', 'missing', 'no-ipam'])
    t.throws(() => isolator.prepare(name, { networkInfos: [{ name }] }), { code: 'ENETWORK', message: `Unknown CNI network '${name}'` });
  const log = host.log.join('\n');
  for (const reason of [
    /'plain' already exists/,
    /failed to find CNI plugin 'absent'/,
    /failed to find IPAM plugin 'absent'/,
    /broken.*JSON parse failed/,
    /x\.conflist.*Protobuf/,
  ])
    t.regex(log, reason);
  host.write('later', { name: 'later', type: 'fake' });
  t.true(isolator.prepare('c9', { networkInfos: [{ name: 'later' }] }));
});

test('a config that sets org.apache.mesos itself is refused, and so is a network joined twice', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  host.write('a', { name: 'a', type: 'fake', args: { 'org.apache.mesos': {} }, journal: host.journal });
  const isolator = host.isolator();
  t.throws(() => isolator.prepare('c0', { networkInfos: [{ name: 'a' }, { name: 'a' }] }), { message: /'a' multiple times/ });
  isolator.prepare('c1', { networkInfos: [{ name: 'a' }] });
  await t.throwsAsync(isolator.isolate('c1'), { code: 'ECONFIG', message: /reserved by Mesos/ });
  await isolator.cleanup('c1');
  t.deepEqual(host.calls(), [], 'no ADD, so no DEL');
});

test('dns of the plugins becomes resolv.conf', async (t) => {
  const host = setUp(t);
  host.install('first', 'fake');
  const dns = { nameservers: ['192.0.2.53'], domain: 'example.test', search: ['a.test', 'b.test'], options: ['ndots:2'] };
  host.write('a', { name: 'a', type: 'fake', answer: { ip4: { ip: '10.0.0.1/32' }, dns }, journal: host.journal });
  const isolator = host.isolator();
  isolator.prepare('c1', { networkInfos: [{ name: 'a' }] });
  const { resolvConfFile } = await isolator.isolate('c1');
  t.is(readFileSync(resolvConfFile, 'utf8'), 'domain example.test\nsearch a.test b.test\noptions ndots:2\nnameserver 192.0.2.53\n');
});
