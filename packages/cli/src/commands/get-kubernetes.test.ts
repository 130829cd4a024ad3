import test from 'ava';
import { KUBERNETES_POLICY, lines, POLICY, POOL, Weir } from '../testing/weir.ts';

const DENY = `apiVersion: weir/v1
kind: Policy
metadata: {name: closed, namespace: shop}
spec:
  order: 10
  ingress:
    - {action: Deny, source: {notSelector: run == 'client'}}
    - {action: Allow, protocol: UDP, source: {selector: run == 'client'}}
`;

test('a policy as Kubernetes has it, and taken back as the same', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: [POLICY, KUBERNETES_POLICY].join('---\n') });
  const text = await weir.ok(t, ['get', 'policy', 'web', '-n', 'shop', '-o', 'kubernetes']);
  t.is(
    text,
    lines(
      'apiVersion: networking.k8s.io/v1',
      'kind: NetworkPolicy',
      'metadata:',
      '  name: web',
      '  namespace: shop',
      'spec:',
      '  podSelector:',
      '    matchLabels:',
      '      run: web',
      '  policyTypes:',
      '    - Ingress',
      '  ingress:',
      '    - from:',
      '        - podSelector:',
      '            matchLabels:',
      '              run: client',
      '      ports:',
      '        - protocol: TCP',
      '          port: 80',
      '        - protocol: TCP',
      '          port: 8000',
      '          endPort: 8080',
    ),
  );
  const all = await weir.ok(t, ['get', 'policies', '-A', '-o', 'kubernetes']);
  t.regex(all, /^apiVersion: v1\nkind: List\nitems:\n {2}- apiVersion: networking\.k8s\.io\/v1\n/);
  const words = () => weir.ok(t, ['describe', 'policy', 'web', '-n', 'shop']);
  const before = (await words()).replace(/^Annotations:.*\n/m, '');
  await weir.ok(t, ['delete', 'policy', 'web', '-n', 'shop']);
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: all }), 'policy/access-nginx unchanged\npolicy/web created\n');
  t.is(
    (await words())
      .replace(/^Annotations:.*\n/m, '')
      .replace('run == "client"', "run == 'client'")
      .replace('run == "web"', "run == 'web'"),
    before,
  );
  t.is(await weir.ok(t, ['get', 'policies', '-n', 'empty', '-o', 'kubernetes']), 'apiVersion: v1\nkind: List\nitems: []\n');
});

test('what Kubernetes cannot say is told, each reason; the others are printed', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: [POLICY, DENY].join('---\n') });
  const one = await weir.run(['get', 'policy', 'closed', '-n', 'shop', '-o', 'kubernetes']);
  t.deepEqual(one, {
    status: 1,
    stdout: '',
    stderr: lines(
      'error: policy/closed in namespace shop cannot be said as a Kubernetes NetworkPolicy:',
      '  spec.order: NetworkPolicies have no order',
      '  spec.ingress[0].action: NetworkPolicies only allow, "Deny" cannot be said',
      '  spec.ingress[0].source.notSelector: NetworkPolicies have nothing like notSelector of a peer',
    ),
  });
  const both = await weir.run(['get', 'policies', '-n', 'shop', '-o', 'kubernetes']);
  t.is(both.status, 1);
  t.regex(both.stdout, /^apiVersion: v1\nkind: List\n[\s\S]*name: web\n/);
  t.notRegex(both.stdout, /closed/);
  t.regex(both.stderr, /^error: policy\/closed in namespace shop cannot be said/);
  const mixed = await weir.run(['get', 'policy', 'closed', 'nope', '-n', 'shop', '-o', 'kubernetes']);
  t.is(mixed.status, 1);
  t.regex(mixed.stderr, /^error: some cannot be printed:\n {2}policy\/nope was not found .*\n {2}policy\/closed .*\n {4}spec\.order: /);
});

test('other kinds, and watching, are wrong usage', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  t.regex(await weir.fails(t, 2, ['get', 'policies,pools', '-o', 'kubernetes']), /nothing like pools/);
  t.regex(await weir.fails(t, 2, ['get', 'policies', '-w', '-o', 'kubernetes']), /not both/);
});

test('a cluster policy is applied, shown as Kubernetes has it, and deleted by its file', async (t) => {
  const weir = await Weir.in(t);
  const document = `apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: no-mail}
spec:
  priority: 10
  subject: {namespaces: {}}
  egress:
    - {action: Deny, to: [{networks: [0.0.0.0/0]}], ports: [{portNumber: {protocol: TCP, port: 25}}]}
`;
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: document }), lines('globalpolicy/anp.no-mail created'));
  const text = await weir.ok(t, ['get', 'gpol', 'anp.no-mail', '-o', 'kubernetes']);
  t.regex(text, /^apiVersion: policy\.networking\.k8s\.io\/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata:\n {2}name: no-mail\n/);
  t.regex(text, / {2}tier: Admin\n {2}priority: 10\n/);
  t.is(await weir.ok(t, ['delete', '-f', '-'], { stdin: document }), lines('globalpolicy/anp.no-mail deleted'));
  await weir.ok(t, ['apply', '-f', '-'], { stdin: 'apiVersion: weir/v1\nkind: GlobalPolicy\nmetadata: {name: own}\nspec: {}\n' });
  t.regex(await weir.fails(t, 1, ['get', 'gpol', 'own', '-o', 'kubernetes']), /cannot be said as a Kubernetes ClusterNetworkPolicy/);
});
