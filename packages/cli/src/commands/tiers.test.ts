import test from 'ava';
import { lines, Weir } from '../testing/weir.ts';

const TIER = 'apiVersion: weir/v1\nkind: Tier\nmetadata: {name: security}\nspec: {order: 10, defaultAction: Pass}\n';
const policy = (name: string, spec: string) =>
  `apiVersion: weir/v1\nkind: Policy\nmetadata: {name: ${name}, namespace: shop}\nspec: {${spec}}\n`;

test('a policy names a tier that is there; tiers are written first', async (t) => {
  const weir = await Weir.in(t);
  const inside = policy('web', 'tier: security');
  t.is(
    await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: policy('web', 'tier: securty') }),
    'error: policy/web in namespace shop: spec.tier: there is no tier "securty": there are kube-admin, default, kube-baseline; apply a Tier of that name first\n',
  );
  t.is(
    await weir.ok(t, ['apply', '-f', '-'], { stdin: [inside, TIER].join('---\n') }),
    lines('tier/security created', 'policy/web created'),
  );
  t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: policy('api', 'tier: securty') }), /did you mean "security"\?/);
  t.is(
    await weir.fails(t, 1, ['delete', 'tier', 'security']),
    'error: cannot delete tier/security: 1 policy is in it, the first is policy/web in namespace shop: delete them, or move them to another tier\n',
  );
  t.is(
    await weir.ok(t, ['get', 'tiers']),
    lines(
      'NAME               ORDER   DEFAULT-ACTION',
      'security              10   Pass',
      'kube-admin          1000   Pass',
      'default          1000000   Deny',
      'kube-baseline   10000000   Pass',
    ),
    'the built-in ones are among them',
  );
  t.is(await weir.ok(t, ['get', 'tiers', '-o', 'name']), 'tier/security\n', 'and not where apply or delete would take them');
  t.regex(await weir.ok(t, ['describe', 'tier', 'default']), /Default action: +Deny what none of its policies decided/);
  t.regex(await weir.ok(t, ['describe', 'tier', 'security']), /Policies: +policy\/web\n/);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: policy('web', 'order: 1') });
  t.is(await weir.ok(t, ['delete', 'tier', 'security']), lines('tier/security deleted'));
});

test('one file makes a tier with its policies, and deletes them again', async (t) => {
  const weir = await Weir.in(t);
  const stdin = [TIER, policy('web', 'tier: security')].join('---\n');
  await weir.ok(t, ['apply', '-f', '-'], { stdin });
  t.is(await weir.ok(t, ['delete', '-f', '-'], { stdin }), lines('policy/web deleted', 'tier/security deleted'));
});

test('with a tier that is not there, or one that is built in, nothing of a file is written', async (t) => {
  const weir = await Weir.in(t);
  for (const [wrong, said] of [
    [
      policy('api', 'tier: gone'),
      /error: 1 of 2 failed:\n {2}stdin, document 2: policy\/api in namespace shop: spec\.tier: there is no tier "gone"/,
    ],
    [TIER.replace('security', 'default'), /stdin, document 2: metadata\.name: "default" is a built-in tier/],
  ] as const) {
    t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: [policy('web', ''), wrong].join('---\n') }), said);
    t.is(await weir.ok(t, ['get', 'policies', '-A', '-o', 'name']), '');
  }
});

test('the built-in tiers are not for changing', async (t) => {
  const weir = await Weir.in(t);
  const stderr = await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: TIER.replace('security', 'default') });
  t.regex(stderr, /metadata\.name: "default" is a built-in tier \(order 1000000, defaultAction Deny\): choose another name/);
});

test('-o wide says what of a policy is in force, and shows what cannot be read', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: [policy('web', ''), policy('next', 'staged: true')].join('---\n') });
  await weir.seed({ kind: 'Policy', metadata: { name: 'astray', namespace: 'shop' }, spec: { tier: 'gone' } });
  const value = '{"apiVersion":"weir/v1","kind":"Policy","metadata":{"name":"bad","namespace":"shop"},"spec":{"ports":1}}';
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/v1/Policy/shop/bad', value }] }));
  const rows = (await weir.ok(t, ['get', 'policies', '-n', 'shop', '-o', 'wide'])).split('\n').map((row) => row.split(/ {2,}/));
  const at = rows[0]!.indexOf('STATUS');
  t.deepEqual(
    rows.slice(1, 4).map((row) => [row[0], row[at]]),
    [
      ['astray', 'closes its endpoints: there is no tier gone'],
      ['next', 'staged'],
      ['web', 'in force'],
    ],
  );
  t.regex(rows[4]!.join(' '), /^bad +closes its endpoints: not valid: spec\.ports: /);
});

test('a policy that forbids by a network set that cannot be read says so, those that only allow by it are in force', async (t) => {
  const weir = await Weir.in(t);
  const rule = (direction: string, action: string, peer: string) =>
    policy(`${action.toLowerCase()}s`, `${direction}: [{ action: ${action}, ${peer}: { selector: "list == 'blocked'" } }]`);
  await weir.ok(t, ['apply', '-f', '-'], {
    stdin: [rule('ingress', 'Deny', 'source'), rule('egress', 'Allow', 'destination')].join('---\n'),
  });
  const unreadable = {
    apiVersion: 'weir/v1',
    kind: 'NetworkSet',
    metadata: { name: 'bad', namespace: 'shop', labels: { list: 'blocked' } },
    spec: { nets: 'x' },
  };
  await weir.withStore((store) =>
    store.transact({ when: [], then: [{ put: '/weir/v1/NetworkSet/shop/bad', value: JSON.stringify(unreadable) }] }),
  );
  const rows = (await weir.ok(t, ['get', 'policies', '-n', 'shop', '-o', 'wide'])).split('\n').map((row) => row.split(/ {2,}/));
  const at = rows[0]!.indexOf('STATUS');
  const closes = 'closes its endpoints: it forbids by networkset/bad in namespace shop, not valid';
  t.deepEqual(
    rows.slice(1, 3).map((row) => [row[0], row[at]]),
    [
      ['allows', 'in force'],
      ['denys', closes],
    ],
  );
  t.true((await weir.ok(t, ['describe', 'policy', 'denys', '-n', 'shop'])).includes(closes));
  await weir.ok(t, ['delete', 'networkset', 'bad', '-n', 'shop']);
  t.regex(await weir.ok(t, ['describe', 'policy', 'denys', '-n', 'shop']), /^Status: +in force$/m);
});
