import test from 'ava';
import { Weir } from '../../testing/weir.ts';

const APP = {
  id: '/shop/web',
  instances: 2,
  labels: { tier: 'front', WEIR_POLICY: 'allow from app=lb port http', WEIR_EGRESS: 'none' },
  networks: [{ mode: 'container', name: 'weir' }],
  container: { portMappings: [{ containerPort: 80, name: 'http' }] },
};

test('what an app would be', async (t) => {
  const weir = await Weir.in(t);
  t.is(
    await weir.ok(t, ['marathon', 'check', '-'], { stdin: JSON.stringify(APP) }),
    `/shop/web
  Namespace:  shop
  Networks:   weir
  Labels:     app=web,tier=front,weir/app=/shop/web
  Ports:      http 80/TCP
  Objects:    Policy shop/marathon-shop.web
                Ingress: Allow TCP from endpoints with app == 'lb' in namespace shop to port http
                Egress: nothing is allowed
`,
  );
});

test('a group, as JSON; one wrong label makes status 1, and everything is told all the same', async (t) => {
  const weir = await Weir.in(t);
  const bad = {
    ...APP,
    id: '/shop/bad',
    networks: [],
    labels: { WEIR_POLICY: 'alow from any', WEIR_IP: '10.0.0.1', WEIR_NAMESPACE: 'No' },
  };
  const file = { id: '/', apps: [APP], groups: [{ id: '/shop', apps: [bad, { id: 'NO' }], pods: [] }] };
  const run = await weir.run(['marathon', 'check', '-', '-o', 'json'], { stdin: JSON.stringify(file) });
  t.is(run.status, 1);
  const [good, wrong, none] = JSON.parse(run.stdout);
  t.like(good, { id: '/shop/web', errors: [], warnings: [] });
  t.like(wrong, { id: '/shop/bad', addresses: { 'weir/ip': '10.0.0.1' } });
  t.is(wrong.errors.length, 2);
  t.is(wrong.warnings.length, 2, 'no network, and one address for two instances');
  t.like(none, { id: '/shop/NO', objects: [] });
  t.regex(none.errors[0], /^id: is no path/);
  t.is((await weir.run(['marathon', 'check', '-'], { stdin: '{' })).status, 1);
});
