import test from 'ava';
import { endpoint, POOL, Weir } from '../testing/weir.ts';

test('labels are set, changed and taken away; of endpoints, which else are not for people to write', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint('c1', { run: 'access' }, { on: 'h1', address: '10.77.0.1' }));
  const label = ['label', 'endpoint', 'c1-eth0', '-n', 'shop'];
  t.regex(
    await weir.ok(t, [...label, 'run-', '--dry-run']),
    /^endpoint\/c1-eth0 labeled \(dry run\)\n(?:.*\n)+ {2}- {3}labels:\n {2}- {5}run: access\n/,
  );
  t.is(await weir.ok(t, [...label, 'run-', 'env=prod']), 'endpoint/c1-eth0 labeled\n');
  t.is(await weir.ok(t, [...label, 'env=prod']), 'endpoint/c1-eth0 unchanged\n');
  t.regex(await weir.fails(t, 1, [...label, 'env=test', 'run=web']), /"env" is "prod" already: give --overwrite/);
  t.is(await weir.ok(t, [...label, 'env=test', '--overwrite']), 'endpoint/c1-eth0 labeled\n');
  const { object } = (await weir.withStore((_, objects) => objects.get('Endpoint', 'c1-eth0', 'shop')))!;
  t.deepEqual(object.metadata.labels, { env: 'test' });
  t.is(object.spec.hostInterface, 'weirc1');
});

test('-l labels all that match; other kinds have labels too', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    endpoint('c1', { run: 'access' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('c2', { run: 'access' }, { on: 'h1', address: '10.77.0.2' }),
    endpoint('c3', { run: 'web' }, { on: 'h1', address: '10.77.0.3' }),
  );
  t.is(
    await weir.ok(t, ['label', 'endpoints', '-n', 'shop', '-l', 'run=access', 'run-']),
    'endpoint/c1-eth0 labeled\nendpoint/c2-eth0 labeled\n',
  );
  t.is(await weir.fails(t, 1, ['label', 'endpoints', '-n', 'shop', '-l', 'run=access', 'run-']), 'error: nothing matches the selector\n');
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  t.is(await weir.ok(t, ['label', 'pool/main', 'zone=a']), 'pool/main labeled\n');
});

test('a namespace needs no object to be labelled: it gets one', async (t) => {
  const weir = await Weir.in(t);
  t.is(await weir.ok(t, ['label', 'namespace', 'shop', 'team-']), 'namespace/shop unchanged\n');
  t.is(await weir.withStore((_, objects) => objects.get('Namespace', 'shop')), undefined);
  t.is(await weir.ok(t, ['label', 'namespace', 'shop', 'team=web']), 'namespace/shop labeled\n');
  const { object } = (await weir.withStore((_, objects) => objects.get('Namespace', 'shop')))!;
  t.like(object, { metadata: { labels: { team: 'web' } }, spec: { defaultAction: 'Allow' } });
  t.is(await weir.ok(t, ['label', 'ns/shop', 'team=ops', '--overwrite']), 'namespace/shop labeled\n');
  t.regex(await weir.fails(t, 1, ['label', 'namespace', 'Not_A_Name', 'team=web']), /Not_A_Name/);
  for (const kind of ['pool', 'host', 'globalpolicy', 'networkset']) {
    t.regex(await weir.fails(t, 1, ['label', kind, 'shop', 'team=web']), /was not found/);
  }
});

test('what cannot be labelled', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }));
  t.is(await weir.fails(t, 1, ['label', 'policy', 'web', 'a=b']), 'error: policy/web was not found in namespace default\n');
  t.regex(await weir.fails(t, 1, ['label', 'endpoint', 'c1-eth0', '-n', 'shop', 'a=two words']), /metadata\.labels\.a: .*"two words"/);
  t.regex(await weir.fails(t, 2, ['label', 'endpoint', 'c1-eth0', '-n', 'shop']), /no change given/);
  t.regex(await weir.fails(t, 2, ['label', 'endpoints', 'a=b']), /either by name or with -l/);
  t.regex(await weir.fails(t, 2, ['label', 'endpoint', 'c1-eth0', '-l', 'a', 'a=b']), /either by name or with -l/);
});

test('of two changes at the same time neither is lost', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }));
  await Promise.all(['a=1', 'b=2', 'c=3'].map((change) => weir.runProcess(['label', 'endpoint', 'c1-eth0', '-n', 'shop', change])));
  const { object } = (await weir.withStore((_, objects) => objects.get('Endpoint', 'c1-eth0', 'shop')))!;
  t.deepEqual(object.metadata.labels, { a: '1', b: '2', c: '3' });
});
