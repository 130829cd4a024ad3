import { type Endpoint, type Policy, parseObject } from '@weir/resources';
import test from 'ava';
import { labelSlips, namespaceSlip } from './policy-slips.ts';

const policy = (spec: object, namespace = 'shop') =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'p', namespace }, spec }) as Policy;

const endpoint = (namespace: string, labels: Record<string, string>) => ({ metadata: { namespace, labels } }) as unknown as Endpoint;

const own: Record<string, string>[] = [{ run: 'nginx', tier: 'front' }, { run: 'access' }];

test('a value, or a label, that nobody has is named beside the one that was meant', (t) => {
  const ingress = [
    { action: 'Allow', source: { selector: "run in {'access', 'acces'}" } },
    { action: 'Allow', source: { selector: "run == 'acces'" } },
  ];
  t.deepEqual(labelSlips(policy({ selector: "run == 'ngnix'", ingress }), own, []), [
    'spec.selector: nothing in namespace shop has run == "ngnix"; did you mean "nginx"?',
    'spec.ingress[1].source.selector: nothing in namespace shop has run == "acces"; did you mean "access"?',
  ]);
  t.deepEqual(labelSlips(policy({ selector: "rum == 'nginx' && has(tier)" }), own, []), [
    'spec.selector: nothing in namespace shop has the label rum; did you mean "run"?',
  ]);
});

test('nothing is said of what may be meant: apps to come, other namespaces, what is not to be there, network sets', (t) => {
  for (const spec of [
    { selector: "run == 'database'" },
    { selector: "run == 'nginx' && tier == 'front'" },
    { selector: "run != 'ngnix'" },
    { selector: "!(run == 'ngnix')" },
    { ingress: [{ action: 'Allow', source: { selector: "run == 'acces'", namespaceSelector: 'all()' } }] },
    { egress: [{ action: 'Allow', destination: { selector: "from == 'office'" } }] },
  ])
    t.deepEqual(labelSlips(policy(spec), own, [{ from: 'office' }]), []);
});

test('a namespace that has no endpoint: one of nearly the same name, or one that was not said', (t) => {
  const endpoints = [endpoint('policy-demo', { run: 'nginx' }), endpoint('blue', { run: 'nginx' })];
  const slip = (namespace: string, run = 'nginx') => namespaceSlip(policy({ selector: `run == '${run}'` }, namespace), endpoints);
  t.deepEqual(slip('policydemo'), ['no endpoint is in namespace "policydemo"; did you mean "policy-demo"?']);
  t.deepEqual(slip('default'), [
    'no endpoint is in namespace "default", and the selector takes some of blue, policy-demo: is metadata.namespace missing?',
  ]);
  for (const [namespace, run] of [
    ['green', 'nginx'],
    ['default', 'other'],
    ['policydemo', 'other'],
  ] as const)
    t.deepEqual(slip(namespace, run), []);
});
