import type { Policy } from '@weir/resources';
import test from 'ava';
import { ERROR_ANNOTATION, objectName, objectsOfApp } from './app-objects.ts';

const app = (labels: Record<string, string>, more: { id?: string; instances?: number } = {}) =>
  objectsOfApp({ id: '/shop/web', namespace: 'shop', ...more, labels: Object.entries(labels).map(([key, value]) => ({ key, value })) });
const policy = (labels: Record<string, string>) => app(labels).objects[0] as Policy;

test('an app that says nothing to Weir has no objects', (t) => {
  t.deepEqual(app({ tier: 'front' }), { objects: [], errors: [] });
});

test('rules become a policy of the app alone, owned', (t) => {
  const made = policy({ 'weir/policy': 'allow from app=lb port 80', 'weir/egress': 'app=db port 5432' });
  t.deepEqual(made.metadata, {
    name: 'marathon-shop.web',
    namespace: 'shop',
    labels: { 'weir/owner': 'marathon' },
    annotations: { 'weir/app': '/shop/web' },
  });
  t.is(made.spec.selector, "weir/app == '/shop/web'");
  t.deepEqual(made.spec.types, ['Ingress', 'Egress']);
  t.is(made.spec.ingress.length, 1);
  t.deepEqual(made.spec.egress, [{ action: 'Allow', protocol: 'TCP', destination: { selector: "app == 'db'", ports: [5432] } }]);
});

test('egress none closes the way out, and nothing else', (t) => {
  const { types, egress } = policy({ 'weir/egress': 'none' }).spec;
  t.deepEqual([types, egress], [['Egress'], []]);
});

test('rules that cannot be read close the direction that they are about, and say why', (t) => {
  const broken = policy({ 'weir/policy': 'alow from any', 'weir/egress': 'app=db' });
  t.deepEqual(broken.spec.types, ['Ingress', 'Egress']);
  t.deepEqual(broken.spec.ingress, []);
  t.is(broken.spec.egress.length, 1, 'the other direction is as it is written');
  t.regex(broken.metadata.annotations[ERROR_ANNOTATION]!, /^weir\/policy: "alow"/);
  t.deepEqual(
    policy({ 'weir/policy': 'allow to nowhere port 1' }).spec.types,
    ['Egress'],
    'a broken rule of egress does not close ingress',
  );
  t.deepEqual(policy({ 'weir/policy': 'allow from any; allow to x' }).spec.types, ['Ingress', 'Egress']);
  t.is(app({ 'weir/policy': `allow from a=${'x'.repeat(100_000)}` }).errors.length, 1);
});

test('a sticky address is a claim with what the app says of addresses', (t) => {
  const { objects, claim, errors } = app({ 'weir/sticky-ip': 'true', 'weir/pool': 'gold, silver' });
  t.is(claim, 'marathon-shop.web');
  t.deepEqual(objects[0]?.spec, { pools: ['gold', 'silver'] });
  t.deepEqual(errors, []);
  t.regex(app({ 'weir/sticky-ip': 'true' }, { instances: 3 }).errors[0]!, /3 instances/);
  t.regex(app({ 'weir/sticky-ip': 'yes' }).errors[0]!, /neither true nor false/);
  t.is(app({ 'weir/sticky-ip': 'true', 'weir/claim': 'mine' }).objects.length, 0);
  t.regex(app({ 'weir/sticky-ip': 'true', 'weir/ip': '10.0.0.999' }).errors[0]!, /^weir\/sticky-ip/);
});

test('two apps never have one name', (t) => {
  t.is(objectName('/a/b'), 'marathon-a.b');
  t.regex(objectName('/a.b'), /^marathon-a\.b-[0-9a-f]{12}$/);
  t.not(
    objectName(`/${objectName('/a.b').replace('marathon-', '').replace('.', '/')}`),
    objectName('/a.b'),
    'nobody takes the name that another app has',
  );
  t.true(objectName(`/${'x'.repeat(300)}`).length < 253);
  t.not(objectName(`/${'x'.repeat(300)}`), objectName(`/${'x'.repeat(301)}`));
});
