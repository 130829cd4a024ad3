import test from 'ava';
import { endpoint, host, KUBERNETES_POLICY, POLICY, POOL, Weir } from '../testing/weir.ts';

test('delete by file takes the Kubernetes form, and by kind and name any form of the reference', async (t) => {
  const weir = await Weir.in(t);
  const all = await weir.file('all.yaml', [KUBERNETES_POLICY, POLICY, POOL].join('---\n'));
  await weir.ok(t, ['apply', '-f', all]);
  t.is(await weir.ok(t, ['delete', '-f', '-'], { stdin: KUBERNETES_POLICY }), 'policy/access-nginx deleted\n');
  t.is(await weir.ok(t, ['delete', 'pol', 'web', '-n', 'shop']), 'policy/web deleted\n');
  t.is(await weir.ok(t, ['delete', 'pool/main']), 'pool/main deleted\n');
  await weir.ok(t, ['apply', '-f', all]);
  t.is(
    await weir.ok(t, ['delete', '--dry-run', '-f', all]),
    'policy/access-nginx deleted (dry run)\npolicy/web deleted (dry run)\npool/main deleted (dry run)\n',
  );
  t.is(await weir.ok(t, ['delete', '-f', all]), 'policy/access-nginx deleted\npolicy/web deleted\npool/main deleted\n');
});

test('what is not there is an error, unless told otherwise; the rest is deleted all the same', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  t.is(
    await weir.fails(t, 1, ['delete', 'policy', 'web']),
    'error: policy/web was not found in namespace default\n  policy/web is in namespace shop: say -n shop\n',
  );
  const run = await weir.run(['delete', 'policy', 'nope', 'web', '-n', 'shop']);
  t.is(run.status, 1);
  t.is(run.stdout, 'policy/web deleted\n');
  t.is(run.stderr, 'error: 1 of 2 failed:\n  policy/nope: policy/nope was not found in namespace shop\n');
  t.is(await weir.ok(t, ['delete', 'policy', 'web', '--ignore-not-found']), '');
  t.is(await weir.fails(t, 1, ['delete', 'pool', 'main']), 'error: pool/main was not found\n');
});

test('what is made of the labels of a Marathon app is deleted, and said to come back', async (t) => {
  const weir = await Weir.in(t);
  const metadata = {
    name: 'marathon-shop.db',
    namespace: 'shop',
    labels: { 'weir/owner': 'marathon' },
    annotations: { 'weir/app': '/shop/db' },
  };
  await weir.seed({ kind: 'Policy', metadata, spec: { selector: 'all()' } });
  const run = await weir.run(['delete', 'policy', 'marathon-shop.db', '-n', 'shop']);
  t.deepEqual([run.status, run.stdout], [0, 'policy/marathon-shop.db deleted\n']);
  t.is(
    run.stderr,
    'warning: policy/marathon-shop.db is made of the labels of /shop/db, and will be made so again: change them in Marathon\n',
  );
});

test('a pool with addresses in use stays', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  const held = { containerId: 'c1', interfaceName: 'eth0', network: 'weir', host: 'h1' };
  const allocations = { '10.77.0.1': held };
  await weir.seed({
    kind: 'Block',
    metadata: { name: '10.77.0.0-26' },
    spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1', allocations },
  });
  t.regex(await weir.fails(t, 1, ['delete', 'pool', 'main', '--dry-run']), /pool "main" .*1 of its addresses is in use/);
  t.regex(
    await weir.fails(t, 1, ['delete', 'pool', 'main']),
    /pool "main" \(10\.77\.0\.0\/16\): 1 of its addresses is in use, by 1 container on h1/,
  );
  t.regex(await weir.fails(t, 1, ['delete', 'block', '10.77.0.0-26']), /addresses could be given out twice/);
});

test('what a running agent stands for is not deleted from under it; what a dead one left is', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(host('h1', '172.16.0.1'), endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }));
  const presence = '/weir/presence/h1';
  await weir.withStore((store) =>
    store.transact({ when: [], then: [{ put: presence, value: '{"version":"0.1.0","since":"2026-01-01T00:00:00Z"}' }] }),
  );
  t.regex(await weir.fails(t, 1, ['delete', 'host', 'h1']), /while the agent of h1 is running: stop it first/);
  t.regex(await weir.fails(t, 1, ['delete', 'endpoint', 'c1-eth0', '-n', 'shop']), /while the agent of h1 is running/);
  await weir.withStore((store) => store.transact({ when: [], then: [{ delete: presence }] }));
  const { stderr } = await weir.run(['delete', 'host', 'h1']);
  t.regex(stderr, /^warning: host\/h1 has 1 endpoint, which other hosts reach no more, .*: if it is not gone for good, start its agent/);
  await weir.seed(host('h1', '172.16.0.1'));
  t.is(await weir.ok(t, ['delete', 'endpoint', 'c1-eth0', '-n', 'shop']), 'endpoint/c1-eth0 deleted\n');
  t.is((await weir.run(['delete', 'host', 'h1'])).stderr, '');
});

test('what is stored and cannot be read can be deleted and written over; a claim keeps its address', async (t) => {
  const weir = await Weir.in(t);
  const status = { addresses: ['10.77.0.9'] };
  const bad = (kind: string, more: object = {}) =>
    JSON.stringify({ apiVersion: 'weir/v1', kind, metadata: { name: 'x', namespace: 'shop' }, spec: { nonsense: 1 }, ...more });
  const put = (kind: string, value: string) =>
    weir.withStore((store) => store.transact({ when: [], then: [{ put: `/weir/v1/${kind}/shop/x`, value }] }));
  for (const kind of ['Claim', 'Endpoint', 'Policy', 'Service', 'NetworkSet']) {
    for (const value of [bad(kind), 'no JSON']) {
      await put(kind, value);
      t.is(await weir.ok(t, ['delete', kind, 'x', '-n', 'shop']), `${kind.toLowerCase()}/x deleted\n`);
    }
  }
  await put('Policy', 'no JSON');
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY.replace('name: web', 'name: x') }), 'policy/x configured\n');
  await put('Claim', bad('Claim', { status }));
  await weir.ok(t, ['apply', '-f', '-'], { stdin: 'apiVersion: weir/v1\nkind: Claim\nmetadata: {name: x, namespace: shop}\n' });
  t.like(JSON.parse(await weir.ok(t, ['get', 'claim', 'x', '-n', 'shop', '-o', 'json'])), { status });
});

test('usage: either names or files, and never a whole kind', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 2, ['delete']), /give -f/);
  t.regex(await weir.fails(t, 2, ['delete', 'policies']), /name what to delete: weir delete policy NAME/);
  t.regex(await weir.fails(t, 2, ['delete', 'policy', 'web', '-f', '-']), /either -f or kinds and names/);
});
