import { once } from 'node:events';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { endpoint, host, KUBERNETES_POLICY, lines, POLICY, POOL, Weir } from '../testing/weir.ts';

test('apply says created, then unchanged, then configured', async (t) => {
  const weir = await Weir.in(t);
  const file = await weir.file('policy.yaml', POLICY);
  t.is(await weir.ok(t, ['apply', '-f', file]), 'policy/web created\n');
  t.is(await weir.ok(t, ['apply', '-f', file]), 'policy/web unchanged\n');
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY.replace('[80', '[81') }), 'policy/web configured\n');
});

test('what get -o yaml prints is unchanged when applied, one object or a list, and so is JSON', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: [POLICY, POOL, KUBERNETES_POLICY].join('---\n') });
  const one = await weir.ok(t, ['get', 'policy', 'access-nginx', '-n', 'policy-demo', '-o', 'yaml']);
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: one }), 'policy/access-nginx unchanged\n');
  const list = await weir.ok(t, ['get', 'policies,pools', '-A', '-o', 'yaml']);
  t.is(
    await weir.ok(t, ['apply', '-f', '-'], { stdin: list }),
    'policy/access-nginx unchanged\npolicy/web unchanged\npool/main unchanged\n',
  );
  const json = await weir.ok(t, ['get', 'policies,pools', '-A', '-o', 'json']);
  t.is(
    await weir.ok(t, ['apply', '-f', '-'], { stdin: json }),
    'policy/access-nginx unchanged\npolicy/web unchanged\npool/main unchanged\n',
  );
});

test('what is stored and is not valid is repaired by apply and by replace, and is in the way of create', async (t) => {
  const weir = await Weir.in(t);
  const { key } = await weir.withStore(async (store) => {
    await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
    return (await store.list('/weir/v1/Policy/')).entries[0]!;
  });
  const spoil = () => weir.withStore((store) => store.transact({ when: [], then: [{ put: key, value: '{"kind": "Policy"}' }] }));
  for (const [verb, done] of [
    ['apply', 'configured'],
    ['replace', 'replaced'],
  ] as const) {
    await spoil();
    t.regex(await weir.fails(t, 1, ['create', '-f', '-'], { stdin: POLICY }), /policy\/web exists already/);
    t.is(await weir.ok(t, [verb, '-f', '-'], { stdin: POLICY }), `policy/web ${done}\n`);
  }
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY }), 'policy/web unchanged\n');
});

test('with one invalid document nothing of any file is written, and every fault is named', async (t) => {
  const weir = await Weir.in(t);
  const good = await weir.file('good.yaml', POOL);
  const bad = await weir.file('bad.yaml', `${POLICY}---\n${POLICY.replace('selector:', 'selectr:').replace('Allow', 'Alow')}`);
  const text = await weir.fails(t, 1, ['apply', '-f', good, '-f', bad]);
  t.regex(text, /bad\.yaml, document 2, Policy "web"/);
  t.regex(text, /spec\.selectr: .*did you mean "selector"/);
  t.regex(text, /spec\.ingress\[0\]\.action: "Alow" .*did you mean "Allow"/);
  t.is(await weir.ok(t, ['get', 'pools,policies', '-A', '-o', 'name']), '');
});

test('a kind that is not there is refused with the one that was meant', async (t) => {
  const weir = await Weir.in(t);
  t.regex(
    await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: POLICY.replace('kind: Policy', 'kind: Polcy') }),
    /stdin, document 1.*did you mean "Policy"/,
  );
});

test('a document that the store refuses is named, the others are written, and the status is 1', async (t) => {
  const weir = await Weir.in(t);
  const overlapping = POOL.replace('main', 'second').replace('/16', '/20');
  const run = await weir.run(['apply', '-f', '-'], { stdin: [POOL, overlapping, POLICY].join('---\n') });
  t.is(run.status, 1);
  t.is(run.stdout, 'pool/main created\npolicy/web created\n');
  t.regex(run.stderr, /^error: 1 of 3 failed:\n {2}stdin, document 2: pool "second".*overlap.*"main"/);
});

test('the block size of a pool with blocks cannot be changed', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  await weir.seed({ kind: 'Block', metadata: { name: '10.77.0.0-26' }, spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' } });
  const text = await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: POOL.replace('/16', '/16, blockSize: 28') });
  t.regex(text, /blockSize from 26 to 28/);
});

test('endpoints and blocks are not for people to write, and beside them nothing is written', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }));
  const yaml = await weir.ok(t, ['get', 'endpoints', '-n', 'shop', '-o', 'yaml']);
  for (const verb of ['apply', 'create', 'replace']) {
    const text = await weir.fails(t, 1, [verb, '-f', '-'], { stdin: `${POLICY}---\n${yaml}` });
    t.regex(text, new RegExp(`document 2, item 0: cannot ${verb} endpoint/c1-eth0: .*weir label`));
  }
  t.is(await weir.ok(t, ['get', 'policies', '-A', '-o', 'name']), '');
  const block = 'apiVersion: weir/v1\nkind: Block\nmetadata: {name: 10.0.0.0-26}\nspec: {cidr: 10.0.0.0/26, pool: main, host: h1}\n';
  t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: block }), /cannot apply block\/10\.0\.0\.0-26: .*Pool/);
});

test('of a host its allowance for Mesos can be changed, its addresses cannot, and it cannot be made up', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(host('h1', '172.16.0.1'));
  const yaml = await weir.ok(t, ['get', 'host', 'h1', '-o', 'yaml']);
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: yaml.replace('Always', 'Policy') }), 'host/h1 configured\n');
  t.regex(await weir.ok(t, ['get', 'host', 'h1', '-o', 'yaml']), /healthChecks: Policy/);
  t.regex(
    await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: yaml.replace('172.16.0.1', '172.16.0.9') }),
    /addresses of host\/h1 from 172\.16\.0\.1 to 172\.16\.0\.9/,
  );
  t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: yaml.replace('name: h1', 'name: h2') }), /cannot make host\/h2: the agent/);
});

test('a policy in a namespace that is nearly that of its endpoints, or for labels that are nearly theirs, is written with a warning', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }));
  const policy = (namespace: string, run: string) =>
    `{apiVersion: weir/v1, kind: Policy, metadata: {name: p, namespace: ${namespace}}, spec: {selector: "run == '${run}'"}}`;
  const warning = async (namespace: string, run: string) =>
    (await weir.run(['apply', '-f', '-'], { stdin: policy(namespace, run) })).stderr;
  t.is(await warning('shop', 'web'), '');
  t.is(await warning('shop', 'wep'), 'warning: policy/p: spec.selector: nothing in namespace shop has run == "wep"; did you mean "web"?\n');
  t.is(await warning('shpo', 'web'), 'warning: policy/p: no endpoint is in namespace "shpo"; did you mean "shop"?\n');
});

test('a folder is read in the order of its names, folders below it only with -R', async (t) => {
  const weir = await Weir.in(t);
  await mkdir(join(weir.folder, 'all/below'), { recursive: true });
  await weir.file('all/b.yaml', POOL);
  await weir.file('all/a.yml', KUBERNETES_POLICY);
  await weir.file('all/notes.txt', 'not for weir');
  await weir.file('all/below/c.yaml', POLICY);
  t.is(await weir.ok(t, ['apply', '-f', 'all']), 'policy/access-nginx created\npool/main created\n');
  t.is(await weir.ok(t, ['apply', '-R', '-f', 'all']), 'policy/access-nginx unchanged\npool/main unchanged\npolicy/web created\n');
  await mkdir(join(weir.folder, 'empty'));
  t.regex(await weir.fails(t, 1, ['apply', '-f', 'empty']), /folder empty has no .*-R/);
});

test('-n takes objects without a namespace, and refuses those of another', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-n', 'store', '-f', '-'], { stdin: POLICY.replace(', namespace: shop', '') });
  t.is(await weir.ok(t, ['get', 'policies', '-n', 'store', '-o', 'name']), 'policy/web\n');
  t.regex(
    await weir.fails(t, 1, ['apply', '-n', 'store', '-f', '-'], { stdin: POLICY }),
    /metadata\.namespace: "shop" is not the namespace asked for/,
  );
});

test('what cannot be read is said', async (t) => {
  const weir = await Weir.in(t);
  t.is(await weir.fails(t, 1, ['apply', '-f', 'nowhere.yaml']), 'error: nowhere.yaml: no such file or folder\n');
  t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: 'kind: [' }), /stdin, document 1.*\n?.*not valid YAML or JSON/);
  t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: '' }), /no object in -/);
  t.regex(await weir.fails(t, 2, ['apply']), /give -f/);
});

test('all is written when nobody reads on, as behind `| head`', async (t) => {
  const weir = await Weir.in(t);
  const names = Array.from({ length: 40 }, (_, index) => `set-${String(index).padStart(2, '0')}`);
  const set = (name: string) => `apiVersion: weir/v1\nkind: GlobalNetworkSet\nmetadata: {name: ${name}}\nspec: {nets: [10.0.0.0/8]}\n`;
  const child = weir.start(['apply', '-f', await weir.file('sets.yaml', names.map(set).join('---\n'))]);
  child.stdout!.destroy();
  const [status] = await once(child, 'exit');
  t.is(status, 0);
  t.is((await weir.ok(t, ['get', 'globalnetworksets', '-o', 'name'])).trim().split('\n').length, names.length);
});

test('a network is made before the pool that names it, wherever it stands, and deleted after it', async (t) => {
  const weir = await Weir.in(t);
  const network = 'apiVersion: weir/v1\nkind: Network\nmetadata: {name: red}\nspec: {addressSpace: Own}\n';
  const file = await weir.file('red.yaml', `${POOL.replace('cidr:', 'network: red, cidr:')}---\n${network}`);
  t.is(await weir.ok(t, ['apply', '-f', file]), 'network/red created\npool/main created\n');
  t.is(await weir.ok(t, ['delete', '-f', file]), 'pool/main deleted\nnetwork/red deleted\n');
});

test('a dry run says what apply would say, with what differs, and writes nothing', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const revision = () => weir.withStore(async (store) => (await store.list('')).revision);
  const before = await revision();
  const tier = 'apiVersion: weir/v1\nkind: Tier\nmetadata: {name: first}\nspec: {order: 1}\n';
  const policy = POLICY.replace("'client'", "'front'").replace('spec:', 'spec:\n  tier: first');
  const file = await weir.file('all.yaml', [policy, POOL, tier].join('---\n'));
  t.is(
    await weir.ok(t, ['apply', '--dry-run', '-f', file]),
    lines(
      'tier/first created (dry run)',
      '  + apiVersion: weir/v1',
      '  + kind: Tier',
      '  + metadata:',
      '  +   name: first',
      '  + spec:',
      '  +   order: 1',
      '  +   defaultAction: Deny',
      'policy/web configured (dry run)',
      '  …',
      '      name: web',
      '      namespace: shop',
      '    spec:',
      '  +   tier: first',
      "      selector: run == 'web'",
      '      types:',
      '        - Ingress',
      '  …',
      '        - action: Allow',
      '          protocol: TCP',
      '          source:',
      "  -         selector: run == 'client'",
      "  +         selector: run == 'front'",
      '          destination:',
      '            ports:',
      '              - 80',
      'pool/main created (dry run)',
      '  + apiVersion: weir/v1',
      '  + kind: Pool',
      '  + metadata:',
      '  +   name: main',
      '  + spec:',
      '  +   cidr: 10.77.0.0/16',
      '  +   blockSize: 26',
      '  +   disabled: false',
      '  +   vxlan: Never',
      '  +   natOutgoing: false',
      '  +   visibility: Routed',
      '  +   routes: Blocks',
    ),
  );
  const overlapping = POOL.replace('main', 'second').replace('/16', '/20');
  const refused = await weir.run(['apply', '--dry-run', '--exit-code', '-f', '-'], { stdin: [POOL, overlapping].join('---\n') });
  t.is(refused.status, 1, 'a fault counts for more than a change');
  t.regex(refused.stderr, /^error: 1 of 2 failed:\n {2}stdin, document 2: pool "second".*overlap.*"main"/);
  t.regex(await weir.fails(t, 1, ['create', '--dry-run', '-f', '-'], { stdin: POLICY }), /policy\/web exists already/);
  t.regex(await weir.fails(t, 1, ['replace', '--dry-run', '-f', '-'], { stdin: POOL }), /pool\/main was not found/);
  t.is(await revision(), before);
});

test('for CI: whether the store is as the files say', async (t) => {
  const weir = await Weir.in(t);
  const check = (stdin: string) => weir.run(['apply', '--dry-run', '--exit-code', '-f', '-'], { stdin });
  t.like(await check(POLICY), { status: 4, stderr: '' });
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  t.deepEqual(await check(POLICY), { status: 0, stdout: 'policy/web unchanged (dry run)\n', stderr: '' });
  t.is((await check(POLICY.replace('80', '81'))).status, 4);
  t.regex(await weir.fails(t, 2, ['apply', '--exit-code', '-f', '-'], { stdin: POLICY }), /--dry-run/);
});

test('a dry run makes no store where there is none', async (t) => {
  const weir = await Weir.in(t);
  const path = join(weir.folder, 'none.db');
  t.regex(await weir.fails(t, 3, ['apply', '--dry-run', '--store-path', path, '-f', '-'], { stdin: POLICY }), /there is no store at/);
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
});
