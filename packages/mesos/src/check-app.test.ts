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
