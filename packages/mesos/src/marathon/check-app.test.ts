import test from 'ava';
import { checkApp, definitionsOf } from './check-app.ts';

const ids = (file: unknown) => definitionsOf(file).map((one) => (one as { id: string }).id);

test('what a file holds: one app, a list, answers of Marathon, groups with relative ids', (t) => {
  t.deepEqual(ids({ id: '/a' }), ['/a']);
  t.deepEqual(ids([{ id: '/a' }, { id: 'b' }]), ['/a', 'b']);
  t.deepEqual(ids({ apps: [{ id: '/a' }] }), ['/a']);
  const group = { id: 'shop', apps: [{ id: 'web' }, { id: '/shop/db' }], groups: [{ id: 'back', apps: [{ id: 'api' }] }] };
  t.deepEqual(ids(group), ['/shop/web', '/shop/db', '/shop/back/api']);
  const answer = { id: '/', apps: [], pods: [{ id: '/shop/pod', status: 'STABLE', spec: { id: '/shop/pod', containers: [{}] } }] };
  t.deepEqual(definitionsOf(answer), [{ id: '/shop/pod', containers: [{}] }]);
  t.deepEqual(ids({ id: '/empty', groups: [] }), []);
});

test('half an app is told by its fields, whatever it is', (t) => {
  for (const half of [undefined, null, 7, 'x', [], {}, { id: 7 }, { id: '/a', labels: 'x'.repeat(100_000) }, { id: '/a', networks: {} }])
    t.true(checkApp(half).errors.length > 0, String(half));
});

test('labels of 100 kB, of each name: told in a few words, and what they would open stays closed', (t) => {
  const big = 'allow from any; '.repeat(7000);
  const names = [
    'WEIR_POLICY',
    'WEIR_EGRESS',
    'WEIR_IP',
    'WEIR_POOL',
    'WEIR_CLAIM',
    'WEIR_NAMESPACE',
    'WEIR_STICKY_IP',
    'run',
    'VIP_0',
    big,
  ];
  const labels = Object.fromEntries(names.map((name) => [name, big]));
  const networks = [{ mode: 'container', name: 'weir', labels }];
  const { errors, warnings, objects, ...rest } = checkApp({
    id: '/shop/web',
    labels,
    networks,
    container: { portMappings: [{ containerPort: 80, name: big, labels }] },
  });
  for (const text of [...errors, ...warnings]) t.true(text.length < 300, text.slice(0, 100));
  for (const label of ['weir/policy', 'weir/egress', 'weir/namespace', 'weir/sticky-ip', 'VIP_0'])
    t.true(
      errors.some((error) => error.startsWith(label)),
      label,
    );
  const [policy] = objects;
  t.like(policy?.spec, { types: ['Ingress', 'Egress'], ingress: [], egress: [] });
  t.deepEqual([rest.namespace, rest.labels, rest.ports], ['shop', { app: 'web', 'weir/app': '/shop/web' }, []]);
});

test('a rule for a port that the app has not is told, as it would match nothing', (t) => {
  const app = {
    id: '/shop/db',
    labels: { WEIR_POLICY: 'allow from app=web port sql,htpp,8000:8080; allow port sql/udp', WEIR_EGRESS: 'app=web port elsewhere' },
    networks: [{ mode: 'container', name: 'weir' }],
    container: { portMappings: [{ containerPort: 5432, name: 'sql' }] },
  };
  t.deepEqual(checkApp(app).warnings, [
    'weir/policy: the app has no TCP port htpp, so that rule matches nothing; it has sql (TCP)',
    'weir/policy: the app has no UDP port sql, so that rule matches nothing; it has sql (TCP)',
  ]);
});
