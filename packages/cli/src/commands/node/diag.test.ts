import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { endpoint, host, Weir } from '../../testing/weir.ts';

test('a bundle has what the host is made of, and no secret; what cannot be read is said, and stops nothing', async (t) => {
  const weir = await Weir.in(t);
  const [config, log, file] = ['agent.yaml', 'agent.log', 'bundle.tar.gz'].map((name) => join(weir.folder, name)) as [
    string,
    string,
    string,
  ];
  const store = `{ backend: embedded, path: ${join(weir.folder, 'weir.db')}, etcd: { endpoints: ['http://10.0.0.1:2379'], password: open-sesame } }`;
  writeFileSync(config, `host: h1\nhttp: 127.0.0.1:1\nstore: ${store}\n`);
  writeFileSync(log, `${'a line of old\n'.repeat(3000)}refused with open-sesame and bgp-secret\n`);
  await weir.seed(
    host('h1', '172.16.0.1'),
    host('h2', '172.16.0.2'),
    endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }),
    endpoint('c2', {}, { on: 'h2', address: '10.77.0.65' }),
    { kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.77.0.0/16' } },
    { kind: 'Block', metadata: { name: '10.77.0.0-26' }, spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' } },
    { kind: 'BgpPeer', metadata: { name: 'tor' }, spec: { address: '192.0.2.1', asNumber: 65001, password: { text: 'bgp-secret' } } },
  );
  const printed = await weir.ok(t, ['node', 'diag', '--config', config, '--log', log, '--file', file]);
  t.regex(printed, /agent\/readyz\.json +\d+ +could not be read: what is not/);
  t.regex(printed, /^agent\/readyz\.json: fetch failed/m);
  t.true(printed.endsWith(`${file}\n`));
  t.is(statSync(file).mode & 0o777, 0o600);

  execFileSync('tar', ['-xzf', file, '-C', weir.folder]);
  const read = (name: string) => readFileSync(join(weir.folder, 'bundle', name), 'utf8');
  const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name !== '' && !name.endsWith('/'))
    .map((name) => name.replace('bundle/', ''));
  for (const name of names) t.notRegex(read(name), /open-sesame|bgp-secret/, name);
  for (const name of names) t.true(printed.includes(name), name);
  t.regex(read('agent/agent.yaml'), /host: h1[\s\S]*password: "?\*{8}/);
  t.is(read('agent/log.txt').split('\n').length, 2001);
  t.regex(read('agent/log.txt'), /refused with \*{8} and \*{8}\n$/);
  t.regex(read('store/objects.yaml'), /name: c1-eth0[\s\S]*name: main[\s\S]*text: "?\*{8}/);
  t.notRegex(read('store/objects.yaml'), /name: c2-eth0|name: h2/);
  t.regex(read('routes.txt'), /10\.77\.0\.0\/26 +local +h1 .* no +the kernel does not have it/);
  t.true(JSON.parse(read('kernel/links.json')).some(({ name }: { name: string }) => name === 'lo'));
  t.regex(read('kernel/sysctls.txt'), /net\/ipv4\/ip_forward = [01]/);
  t.regex(read('versions.txt'), /host h1\n[\s\S]*weir \d/);
});

test('without store and agent there is a bundle all the same', async (t) => {
  const weir = await Weir.in(t);
  const file = join(weir.folder, 'bundle.tar.gz');
  const printed = await weir.ok(t, ['node', 'diag', '--file', file, '--store-path', join(weir.folder, 'none.db')]);
  t.regex(printed, /^store\/objects\.yaml: there is no store at /m);
  t.regex(printed, /kernel\/nftables\.txt/);
  t.regex(
    await weir.fails(t, 1, ['node', 'diag', '--file', '/nowhere/x.tar.gz']),
    /the bundle could not be written to \/nowhere\/x\.tar\.gz/,
  );
});
