import test from 'ava';
import { host, lines, Weir } from '../testing/weir.ts';

test('a tree, a picture, and JSON', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.ok(t, ['topology']), /^No host is known yet/);
  await weir.seed(
    host('h1', '172.16.0.1'),
    host('h2', '172.16.0.2'),
    { kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.77.0.0/16' } },
    { kind: 'Block', metadata: { name: '10.77.0.0-26' }, spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' } },
  );
  const agent = { version: '0.1.0', since: '2026-01-01T00:00:00.000Z' };
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/presence/h1', value: JSON.stringify(agent) }] }));
  const tree = await weir.ok(t, ['topology']);
  t.true(
    tree.includes(
      lines('├─ h1  172.16.0.1  up  0 endpoints', '│  └─ pool main: 10.77.0.0/26; 0 in use', '└─ h2  172.16.0.2  DOWN  0 endpoints'),
    ),
    tree,
  );
  t.regex(tree, /^no subnet told\n/);
  t.regex(tree, /between subnets +native: main\n/);
  t.regex(await weir.ok(t, ['topology', '-o', 'svg']), /^<svg [\s\S]*h1[\s\S]*h2[\s\S]*<\/svg>\n$/);
  t.like(JSON.parse(await weir.ok(t, ['topology', '-o', 'json'])), { between: { native: ['main'] }, routers: [] });
});
