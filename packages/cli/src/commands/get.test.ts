import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { KINDS } from '@weir/resources';
import test from 'ava';
import { endpoint, host, KUBERNETES_POLICY, lines, POLICY, POOL, Weir } from '../testing/weir.ts';

const PARENT = '3f8c2a1e-5b7d-4c60-9a4e-0d1c6a7b8e9f';

test('tables of every kind at 80 columns', async (t) => {
  const weir = await Weir.in(t);
  const global = `apiVersion: weir/v1
kind: GlobalPolicy
metadata: {name: no-metadata-service}
spec:
  order: 10
  selector: all()
  types: [Egress]
  egress: [{action: Deny, destination: {nets: [169.254.169.254/32]}}, {action: Allow}]
`;
  const set =
    'apiVersion: weir/v1\nkind: NetworkSet\nmetadata: {name: office, labels: {role: office}}\nspec: {nets: [192.0.2.0/24, 198.51.100.0/24, "2001:db8::/32"]}\n';
  const namespace = 'apiVersion: weir/v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: web}}\nspec: {defaultAction: Deny}\n';
  await weir.ok(t, ['apply', '-f', '-'], { stdin: [POLICY, KUBERNETES_POLICY, POOL, global, set, namespace].join('---\n') });
  await weir.seed(host('h1', '172.16.0.1'), endpoint(PARENT, { run: 'web', tier: 'front' }, { on: 'h1', address: '10.77.0.1' }), {
    kind: 'Block',
    metadata: { name: '10.77.0.0-26' },
    spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' },
  });
  t.is(
    await weir.ok(t, ['get', 'policies', '-A']),
    lines(
      'NAMESPACE     NAME           TIER      ORDER   TYPES     SELECTOR',
      'policy-demo   access-nginx   default    last   Ingress   run == "nginx"',
      "shop          web            default    last   Ingress   run == 'web'",
    ),
  );
  t.is(
    await weir.ok(t, ['get', 'policies,networksets', '-n', 'shop']),
    lines('NAME   TIER      ORDER   TYPES     SELECTOR', "web    default    last   Ingress   run == 'web'"),
  );
  t.is(
    await weir.ok(t, ['get', 'policies', '-A', '-o', 'wide']),
    lines(
      'NAMESPACE     NAME           TIER      ORDER   TYPES     SELECTOR         STATUS     SELECTS   INGRESS   EGRESS   SOURCE                             LABELS',
      'policy-demo   access-nginx   default    last   Ingress   run == "nginx"   in force         0         1        0   extensions/v1beta1 NetworkPolicy   <none>',
      "shop          web            default    last   Ingress   run == 'web'     in force         1         1        0                                      <none>",
    ),
  );
  t.is(
    await weir.ok(t, ['get', 'globalpolicies']),
    lines('NAME                  TIER      ORDER   TYPES    SELECTOR', 'no-metadata-service   default      10   Egress   all()'),
  );
  t.is(
    await weir.ok(t, ['get', 'netset']),
    lines(
      'NAME     NETS                                         LABELS',
      'office   192.0.2.0/24,198.51.100.0/24,2001:db8::/32   role=office',
    ),
  );
  t.is(
    await weir.ok(t, ['get', 'pools,namespaces,hosts,blocks']),
    lines(
      'NAME   CIDR           BLOCKSIZE   STATE',
      'main   10.77.0.0/16   /26         enabled',
      '',
      'NAME          DEFAULT-INGRESS   DEFAULT-EGRESS   LABELS',
      'default       Allow             Allow            <none>',
      'policy-demo   Allow             Allow            <none>',
      'shop          Deny              Deny             team=web',
      '',
      'NAME   ADDRESS      MESOS-TRAFFIC',
      'h1     172.16.0.1   :5051 + checks',
      '',
      'NAME           CIDR           POOL   HOST   USED',
      '10.77.0.0-26   10.77.0.0/26   main   h1        0',
    ),
  );
  t.is(
    await weir.ok(t, ['get', 'endpoints', '-A']),
    lines(
      'NAMESPACE   NAME                 HOST   ADDRESS     NETWORK   LABELS',
      'shop        3f8c2a1e-5b7d-4c6…   h1     10.77.0.1   weir      run=web,tier=front',
    ),
  );
  t.is(
    await weir.ok(t, ['get', 'endpoints', '-A', '-o', 'wide']),
    lines(
      'NAMESPACE   NAME                                        HOST   ADDRESS     NETWORK   LABELS               APP   INTERFACE   HOST-INTERFACE   MAC   PORTS   CONTAINER',
      'shop        3f8c2a1e-5b7d-4c60-9a4e-0d1c6a7b8e9f-eth0   h1     10.77.0.1   weir      run=web,tier=front         eth0        weir3f8c2a1e                   3f8c2a1e-5b7d-4c60-9a4e-0d1c6a7b8e9f',
    ),
  );
});

test('the whole width is used where there is no terminal', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint(PARENT, { run: 'web' }, { on: 'h1', address: '10.77.0.1' }));
  t.true((await weir.ok(t, ['get', 'endpoints', '-A'], { env: { COLUMNS: '' } })).includes(`${PARENT}-eth0   h1`));
});

test('one object by name is itself in YAML and JSON, several are a List; -o name is taken back', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: `${POLICY}---\n${KUBERNETES_POLICY}` });
  t.is(
    await weir.ok(t, ['get', 'policy', 'access-nginx', '-n', 'policy-demo', '-o', 'yaml']),
    lines(
      'apiVersion: weir/v1',
      'kind: Policy',
      'metadata:',
      '  name: access-nginx',
      '  namespace: policy-demo',
      '  annotations:',
      '    weir/source: extensions/v1beta1 NetworkPolicy',
      'spec:',
      '  selector: run == "nginx"',
      '  types:',
      '    - Ingress',
      '  ingress:',
      '    - action: Allow',
      '      source:',
      '        selector: run == "access"',
      '  egress: []',
    ),
  );
  const one = JSON.parse(await weir.ok(t, ['get', 'policy/web', '-n', 'shop', '-o', 'json']));
  t.is(one.kind, 'Policy');
  const several = JSON.parse(await weir.ok(t, ['get', 'policies', '-A', '-o', 'json']));
  t.is(several.kind, 'List');
  t.is(several.items.length, 2);
  const names = (await weir.ok(t, ['get', 'policies', '-n', 'shop', '-o', 'name'])).split('\n').filter(Boolean);
  t.is(await weir.ok(t, ['delete', '-n', 'shop', ...names]), 'policy/web deleted\n');
  t.deepEqual(JSON.parse(await weir.ok(t, ['get', 'policies', '-n', 'shop', '-o', 'json'])).items, []);
});

test('-l takes selectors and the short form', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    endpoint('c1', { run: 'web', env: 'prod' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('c2', { run: 'web' }, { on: 'h1', address: '10.77.0.2' }),
    endpoint('c3', { run: 'db' }, { on: 'h1', address: '10.77.0.3' }),
  );
  const names = (selector: string) => weir.ok(t, ['get', 'endpoints', '-n', 'shop', '-l', selector, '-o', 'name']);
  t.is(await names('run=web,!env'), 'endpoint/c2-eth0\n');
  t.is(await names("has(env) || run == 'db'"), 'endpoint/c1-eth0\nendpoint/c3-eth0\n');
  t.regex(await weir.fails(t, 2, ['get', 'endpoints', '-l', 'run == web ||']), /not a valid selector[\s\S]*short form/);
});

test('what is not there', async (t) => {
  const weir = await Weir.in(t);
  const none = await weir.run(['get', 'policies', '-n', 'shop']);
  t.deepEqual(none, { status: 0, stdout: '', stderr: 'no policies in namespace shop; -A shows those of all\n' });
  t.is(await weir.fails(t, 1, ['get', 'policy', 'web', '-n', 'shop']), 'error: policy/web was not found in namespace shop\n');
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const some = await weir.run(['get', 'policy', 'web', 'nope', 'never', '-n', 'shop', '-o', 'name']);
  t.is(some.status, 1);
  t.is(some.stdout, 'policy/web\n');
  t.regex(some.stderr, /error: some were not found:\n {2}policy\/nope .*\n {2}policy\/never/);
});

test('kinds that are mistyped are refused with what was meant', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 2, ['get', 'polices']), /"polices" is no kind: did you mean "policies"/);
  t.regex(await weir.fails(t, 2, ['get']), /name a kind/);
  t.regex(await weir.fails(t, 2, ['get', 'policy/a/b']), /"policy\/a\/b" names no object/);
  t.regex(await weir.fails(t, 2, ['get', 'policy', 'web', '-A']), /give -n instead of -A/);
  t.regex(await weir.fails(t, 2, ['get', 'policies', '-o', 'yml']), /--output=yml/);
});

test('a stored object that no longer can be read is told, and hides no other', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/v1/Policy/shop/broken', value: '{"kind":"Policy"}' }] }));
  const run = await weir.run(['get', 'policies', '-n', 'shop', '-o', 'name']);
  t.is(run.status, 0);
  t.is(run.stdout, 'policy/web\n');
  t.regex(run.stderr, /warning: left out here, since it cannot be read: \/weir\/v1\/Policy\/shop\/broken/);
});

test('--watch prints what is there, then each change, and ends well on SIGINT', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }));
  const child = weir.start(['get', 'endpoints', '-n', 'shop', '-l', 'run=web', '--watch']);
  t.teardown(() => child.kill('SIGKILL'));
  const events = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async () => ((await events.next()).value as string | undefined)?.replaceAll(/ +/g, ' ');
  t.is(await next(), 'EVENT NAME HOST ADDRESS NETWORK LABELS');
  t.is(await next(), 'ADDED c1-eth0 h1 10.77.0.1 weir run=web');
  await weir.seed(
    endpoint('c2', { run: 'web' }, { on: 'h2', address: '10.77.0.2' }),
    endpoint('c3', { run: 'db' }, { on: 'h2', address: '10.77.0.3' }),
  );
  t.is(await next(), 'ADDED c2-eth0 h2 10.77.0.2 weir run=web');
  await weir.seed(endpoint('c1', { run: 'web', env: 'prod' }, { on: 'h1', address: '10.77.0.1' }));
  t.is(await next(), 'MODIFIED c1-eth0 h1 10.77.0.1 weir env=prod,run=web');
  // It is there still, but not for who watches run=web.
  await weir.seed(endpoint('c1', { run: 'db' }, { on: 'h1', address: '10.77.0.1' }));
  t.is(await next(), 'DELETED c1-eth0 h1 10.77.0.1 weir env=prod,run=web');
  await weir.withStore((_, objects) => objects.remove('Endpoint', 'c2-eth0', 'shop'));
  t.is(await next(), 'DELETED c2-eth0 h2 10.77.0.2 weir run=web');
  child.kill('SIGINT');
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

test('--watch -o json prints a line for each event', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const child = weir.start(['get', 'policies', '-A', '--watch', '-o', 'json']);
  t.teardown(() => child.kill('SIGKILL'));
  const events = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const { type, object } = JSON.parse((await events.next()).value as string);
  t.is(type, 'ADDED');
  t.is(object.metadata.name, 'web');
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a namespace is there as soon as something is in it, with an object of its own or without', async (t) => {
  const weir = await Weir.in(t);
  t.is((await weir.run(['get', 'namespaces'])).stderr, 'no namespaces\n');
  const denying = 'apiVersion: weir/v1\nkind: Namespace\nmetadata: {name: blue}\nspec: {defaultAction: Deny}\n';
  await weir.ok(t, ['apply', '-f', '-'], { stdin: `${POLICY}---\n${denying}` });
  t.is(
    await weir.ok(t, ['get', 'ns']),
    lines(
      'NAME   DEFAULT-INGRESS   DEFAULT-EGRESS   LABELS',
      'blue   Deny              Deny             <none>',
      'shop   Allow             Allow            <none>',
    ),
  );
  t.regex(await weir.ok(t, ['describe', 'ns', 'shop']), /^Default ingress: +Allow where no policy decides$/m);
  t.like(JSON.parse(await weir.ok(t, ['get', 'ns', 'shop', '-o', 'json'])), {
    metadata: { name: 'shop' },
    spec: { defaultAction: 'Allow' },
  });
  t.is(await weir.ok(t, ['get', 'ns', '-o', 'name']), 'namespace/blue\n', 'programs get those that are stored');
  t.regex(await weir.fails(t, 1, ['get', 'ns', 'green']), /namespace\/green was not found/);
  const spoilt = { put: '/weir/v1/Namespace/shop', value: '{"kind": "Namespace"}' };
  await weir.withStore((store) => store.transact({ when: [], then: [spoilt] }));
  const { stdout, stderr } = await weir.run(['get', 'ns']);
  t.false(stdout.includes('shop'), 'it is closed, and has no defaults to show');
  t.regex(stderr, /^warning: left out here, since it cannot be read: .*Namespace\/shop/);
});

test('who watches and reads no more ends it', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const child = weir.start(['get', 'policies', '-A', '--watch', '-o', 'name']);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  child.stdout!.destroy();
  await weir.ok(t, ['delete', 'policy', 'web', '-n', 'shop']);
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

test('who pipes into head gets no complaint', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(...Array.from({ length: 400 }, (_, index) => endpoint(`container-${index}`, {}, { on: 'h1', address: '10.77.0.1' })));
  const child = weir.start(['get', 'endpoints', '-A', '-o', 'json']);
  child.stdout!.once('data', () => child.stdout!.destroy());
  let errors = '';
  child.stderr!.on('data', (chunk) => (errors += chunk));
  t.deepEqual(await once(child, 'close'), [0, null]);
  t.is(errors, '');
});

test('its help names every kind, with its short name', async (t) => {
  const weir = await Weir.in(t);
  const help = await weir.ok(t, ['get', '--help']);
  for (const { plural, shortNames } of KINDS) {
    const word = shortNames.length === 0 ? plural : `${plural} (${shortNames[0]})`;
    t.true(help.replaceAll(/\s+/g, ' ').includes(word), word);
  }
});
